// SPDX-License-Identifier: MIT
// The firmware's claims about memory, made consistent. Pure.
#pragma once

#include "arch/x86/machine_memory.h"
#include "boot/boot_info.h"
#include "vmm/util/types.h"

// Claims in any order; they may overlap.
struct memory_claims {
    unsigned count;
    struct memory_range claims[BOOT_RANGES_MAX];
};

// Adds a claim. Memory beyond 52 bits of address is cut off. A claim of the same kind that begins
// where the last one ended is joined to it. False: there is no room.
bool memory_claims_add(struct memory_claims *claims, uint64_t start, uint64_t bytes,
                       enum memory_kind kind) MUST_CHECK;

// Fills `ranges` (BOOT_RANGES_MAX of them) as struct boot_info promises. Returns their number. If
// there are too many, the highest are left out.
unsigned memory_claims_resolve(const struct memory_claims *claims, struct memory_range *ranges);

// The same memory in the form that arch/x86 takes. The structure points into itself, so it must not
// be moved.
struct boot_memory {
    struct memory_span usable[BOOT_RANGES_MAX];
    struct memory_span occupied[BOOT_MODULES_MAX + 2];
    struct machine_memory at_boot; // the modules and the symbol table are in use
    struct machine_memory later;   // only the modules are: the symbol table has been copied
};

void boot_memory_fill(struct boot_memory *memory, const struct boot_info *info);
