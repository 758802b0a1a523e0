// SPDX-License-Identifier: MIT
// The firmware's claims about memory, made consistent. Pure.
#pragma once

#include "boot/boot_info.h"

// Claims as they were made: in any order, overlapping.
struct memory_claims {
    unsigned count;
    struct memory_range claims[BOOT_RANGES_MAX];
};

// False: there is no room for it. What lies beyond 52 bits of address is cut off; one that goes on
// where the claim before ended, with the same kind, is joined to it.
bool memory_claims_add(struct memory_claims *claims, uint64_t start, uint64_t bytes,
                       enum memory_kind kind) MUST_CHECK;

// Fills `ranges` (BOOT_RANGES_MAX of them) as struct boot_info promises. Returns how many; what
// does not fit is left out from the top.
unsigned memory_claims_resolve(const struct memory_claims *claims, struct memory_range *ranges);
