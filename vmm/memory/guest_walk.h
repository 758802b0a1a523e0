// SPDX-License-Identifier: MIT
// Walks a guest's own page tables: from its linear addresses to guest-physical ones.
#pragma once

#include "vmm/backend.h"
#include "vmm/memory/guest_memory.h"

// The state that decides how a guest's linear addresses are translated.
struct paging_state {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t rflags; // AC, for SMAP
    uint8_t cpl;
};

// The error code of a page fault (SDM Vol. 3A 4.7).
enum page_fault_bits {
    PAGE_FAULT_PRESENT = BIT(0), // a protection, not a missing page
    PAGE_FAULT_WRITE = BIT(1),
    PAGE_FAULT_USER = BIT(2),
    PAGE_FAULT_RESERVED = BIT(3),
    PAGE_FAULT_FETCH = BIT(4),
};

enum walk_outcome {
    WALK_MAPPED,     // `gpa` is the address
    WALK_PAGE_FAULT, // `error_code` is the fault's
};

#define WALK_STEPS_MAX 5

// An entry that the walk went through, as it was afterwards.
struct walk_step {
    gpa_t at;
    uint64_t entry;
};

struct walk_result {
    gpa_t gpa;
    uint32_t error_code;
    unsigned step_count; // of a walk that ended in WALK_MAPPED, 0 with paging off
    struct walk_step steps[WALK_STEPS_MAX]; // the highest first; without a PDPT of PAE
};

// Translates for one access (one of ACCESS_*; ACCESS_READ | ACCESS_WRITE counts as a write) in
// every paging mode: none, 32-bit, PAE, 4 and 5 levels (SDM Vol. 3A chapter 4). Checks write, user,
// execute-disable, SMEP, SMAP and the reserved bits, those above MAXPHYADDR and protection keys
// excepted; an entry that is not in the VM's RAM has such bits set. Sets accessed and dirty bits as
// the processor does. Linear addresses are taken as they are: canonical where that is asked for, 32
// bits wide outside of 64-bit mode.
enum walk_outcome guest_walk(const struct guest_memory *memory, const struct paging_state *state,
                             gva_t address, unsigned access, struct walk_result *result);
