// SPDX-License-Identifier: MIT
// What was written to a disk: a table from the disk's blocks to blocks of memory.
#pragma once

#include "vmm/disk/block_store.h"
#include "vmm/util/types.h"

// The table has three levels, as page tables have. Each level is a block of 1024 numbers.
#define OVERLAY_FANOUT (BLOCK_BYTES / sizeof(uint32_t))
#define OVERLAY_BLOCKS_MAX ((uint64_t)OVERLAY_FANOUT * OVERLAY_FANOUT * OVERLAY_FANOUT) // 4 TiB

struct overlay {
    struct block_store *store;
    uint32_t root;  // the table's first block; BLOCK_NONE: nothing was written
    uint32_t limit; // how many blocks of the store it may have, its table included
    uint32_t held;  // how many it has
    uint64_t next;  // the block that overlay_clear drops next
};

void overlay_init(struct overlay *overlay, struct block_store *store, uint32_t limit);

// The functions below take a block of the disk, below OVERLAY_BLOCKS_MAX.

// Its number in the store; BLOCK_NONE: it was not written; BLOCK_ZERO: it reads as zeros.
uint32_t overlay_find(const struct overlay *overlay, uint64_t block);
// Gives it memory of its own, if it has none, and returns its number in the store. `*fresh`: the
// memory is new and may hold anything; its number before was BLOCK_NONE or BLOCK_ZERO. Returns
// BLOCK_NONE if the overlay is full or there is no memory.
MUST_CHECK uint32_t overlay_take(struct overlay *overlay, uint64_t block, bool *fresh);
// Gives its memory back. `as` is BLOCK_NONE or BLOCK_ZERO: what it is from now on. False: the table
// has no room for BLOCK_ZERO, and nothing has changed.
MUST_CHECK bool overlay_drop(struct overlay *overlay, uint64_t block, uint32_t as);
// Gives all its memory back, in pieces of about that many blocks. True: it has none left. Between
// the pieces the overlay is not used otherwise.
MUST_CHECK bool overlay_clear(struct overlay *overlay, unsigned blocks);
// How many blocks the table of a disk of so many blocks has at most.
uint64_t overlay_table_blocks(uint64_t blocks);
