// SPDX-License-Identifier: MIT
// Names of Husk's own functions, from the symbol table that the boot loader read.
#pragma once

#include "boot/boot_info.h"

// Copies what is needed of the symbol table into frames. Without one, backtraces have no names.
void symbols_init(const struct boot_info *info);

// The function that `address` lies in and how far inside; NULL if it is not known.
const char *symbols_find(uint64_t address, uint64_t *offset);

unsigned symbols_count(void);
