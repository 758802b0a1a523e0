// SPDX-License-Identifier: MIT
// The firmware's claims about memory, made consistent. Pure.
#pragma once

#include "arch/x86/machine_memory.h"
#include "vmm/util/types.h"

// Firmware has given maps of several hundred claims. Spans that touch are one, so far fewer remain.
#define MEMORY_SPANS_MAX 1024

// Usable memory: sorted spans that neither overlap nor touch.
struct memory_map {
    unsigned count;
    unsigned left_out; // spans for which there was no room: always the smallest above 1 MiB
    struct memory_span spans[MEMORY_SPANS_MAX];
};

// Adds what is claimed to be usable, in any order. Memory beyond 52 bits of address is cut off.
void memory_map_add(struct memory_map *map, uint64_t start, uint64_t bytes);

// Removes what is claimed to be something else. To let this claim win, all usable memory must have
// been added before.
void memory_map_remove(struct memory_map *map, uint64_t start, uint64_t bytes);

// Cuts the spans to whole pages, after all claims.
void memory_map_trim(struct memory_map *map);
