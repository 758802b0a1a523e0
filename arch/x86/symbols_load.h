// SPDX-License-Identifier: MIT
// Reads the symbol table that the boot loader has put into memory.
#pragma once

#include "boot/boot_info.h"

// Copies what is needed of the symbol table into frames, for symbols_find. Without a table, or
// without frames, nothing changes.
void symbols_load(const struct boot_info *info);
