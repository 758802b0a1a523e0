// SPDX-License-Identifier: MIT
// The machine's memory in the form that arch/x86 takes. Pure.
#pragma once

#include "arch/x86/machine_memory.h"
#include "boot/boot_info.h"

// The structure points into itself and into `info`, so neither must be moved.
struct boot_memory {
    struct memory_span occupied[BOOT_MODULES_MAX + 2];
    struct machine_memory at_boot; // the modules and the symbol table are in use
    struct machine_memory later;   // only the modules are: the symbol table has been copied
};

void boot_memory_fill(struct boot_memory *memory, const struct boot_info *info);
