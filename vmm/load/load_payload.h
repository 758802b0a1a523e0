// SPDX-License-Identifier: MIT
// What all loaders do with a payload: read within its bounds, and plan which parts go where in RAM.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_plan;
struct payload;

// A piece of a payload and its place in RAM. It has `file_bytes` from `offset` on, then zeros up to
// `memory_bytes`. `what` and `index` name it in a refusal: "ELF segment", 3.
struct load_piece {
    const char *what;
    unsigned index;
    uint64_t offset;
    uint64_t file_bytes;
    uint64_t address;
    uint64_t memory_bytes;
};

// Copies `bytes` from `offset` of the payload. False: the payload is too short.
bool payload_read(const struct payload *payload, uint64_t offset, void *into, uint64_t bytes);

// Adds the piece to the plan. Refuses a piece that is not in the payload or does not fit in RAM.
enum status payload_plan(const struct payload *payload, const struct guest_memory *memory,
                         const struct load_piece *piece, struct load_plan *plan,
                         struct reason *why);
