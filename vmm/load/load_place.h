// SPDX-License-Identifier: MIT
// Room in RAM beside a payload's image: for its modules, and for what it is told.
#pragma once

#include "vmm/load/load.h"
#include "vmm/util/status.h"

// Where the next thing may go: on a page of its own, from `next` on, below `end` (4 GiB at most)
// and outside a PC's own areas.
struct load_placement {
    const struct guest_memory *memory;
    uint64_t next;
    uint64_t end;
};

enum status load_place(struct load_placement *placement, const char *what, uint64_t bytes,
                       uint64_t *address, struct reason *why);

// Copies each further module to pages of its own; `addresses` has LOAD_MODULES_MAX entries.
enum status load_place_modules(const struct load_request *request, struct load_placement *placement,
                               uint64_t *addresses, struct reason *why);

// Structures and texts one behind the other. Written twice: without `bytes`, for the size, and then
// in the place that has been found for it.
struct load_block {
    uint8_t *bytes; // NULL: only measure
    uint64_t address;
    uint64_t used;
};

// Appends to the block, at once behind what is there.
void load_write(struct load_block *block, const void *from, uint64_t bytes);
// The next append lies at a multiple of 8, with zeros before it.
void load_align(struct load_block *block);
// Both, and returns the address that it has there.
uint64_t load_append(struct load_block *block, const void *from, uint64_t bytes);
