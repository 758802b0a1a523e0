// SPDX-License-Identifier: MIT
// What is to be copied into a VM's memory, or written there: a list that loaders make, and that is
// carried out piece by piece.
#pragma once

#include "vmm/util/types.h"

struct guest_memory;

#define LOAD_PLAN_MAX 256

// `file_bytes` from `from`, then zeros up to `bytes`.
struct load_copy {
    uint64_t address;
    const uint8_t *from;
    uint64_t file_bytes;
    uint64_t bytes;
};

// An identity map of 0 to `map_end`, as load_page_tables.h writes it. 0: none.
struct load_tables {
    uint64_t address;
    uint64_t map_end;
    uint64_t done; // entries
};

// A plan of zeros is empty. No two copies overlap, so their order does not matter.
struct load_plan {
    unsigned count;
    unsigned next; // the first copy that is not yet done
    uint64_t done; // bytes of that copy that are done
    struct load_copy copies[LOAD_PLAN_MAX];
    struct load_tables tables; // written after the copies; all of them must be RAM
};

// Adds a copy. All of it must be RAM. False: the plan is full.
MUST_CHECK bool load_plan_add(struct load_plan *plan, const struct load_copy *copy);

// Copies the next piece, of at most `most` bytes, or writes page tables for about as long. Returns
// true once nothing is left.
MUST_CHECK bool load_plan_step(struct load_plan *plan, const struct guest_memory *memory,
                               uint64_t most);
