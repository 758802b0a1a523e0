// SPDX-License-Identifier: MIT
// Memory types (SDM Vol. 3A 12.3): what the PAT and the MTRRs say of an address.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct msr_state;

#define MEMORY_TYPE_WRITE_BACK 6
#define MEMORY_TYPE_MIXED 0xff // no type: the ranges of the MTRRs contradict each other

// "UC", "WC", "WT", "WP", "WB", "UC-"; "reserved" for other numbers.
const char *memory_type_name(unsigned type);

// The type that entry `index`, 0 to 7, of the PAT has.
unsigned memory_type_of_pat(uint64_t pat, unsigned index);

// The type that the guest's MTRRs give to an address (12.11.1 and 12.11.4.1).
unsigned memory_type_of_mtrrs(const struct msr_state *msrs, gpa_t address);

// What the CPU uses where the nested table says write-back: the type of the guest's PAT, unless it
// does not count (SDM Vol. 3C 29.3.7.2, APM Vol. 2 15.25.8). The guest's MTRRs never count, and in
// the CPU its CR0.CD is clear.
unsigned memory_type_in_guest(unsigned pat_type, bool ignores_pat);
