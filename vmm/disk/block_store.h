// SPDX-License-Identifier: MIT
// Memory for what a VM writes to its disks, in blocks of 4 KiB.
#pragma once

#include "vmm/util/types.h"

#define BLOCK_BYTES 4096U

// Blocks are numbered. These two numbers stand for no memory.
#define BLOCK_NONE 0U
#define BLOCK_ZERO 1U // a block of zeros

// The blocks of one VM: a piece of memory that grows at its end and never shrinks. What is given
// back is taken again first. State is plain data; numbers, not pointers, link the blocks.
struct block_store {
    uint8_t *base;       // of block 0
    uint32_t made;       // numbers below this have memory, but for the two above
    uint32_t next;       // this one and all behind it were never taken
    uint32_t first_free; // of the list of those that were given back; BLOCK_NONE: it is empty
    uint32_t taken;      // how many are taken now
    // Adds memory behind the last block, and returns how many blocks it is good for; 0: there is
    // none left. The memory may hold anything.
    uint32_t (*grow)(struct block_store *store);
};

// `base`: where the memory will be; the store has none yet.
void block_store_init(struct block_store *store, uint8_t *base,
                      uint32_t (*grow)(struct block_store *store));
// Returns the number of a block whose bytes may be anything. BLOCK_NONE: there is no memory.
MUST_CHECK uint32_t block_store_take(struct block_store *store);
// `block` was taken.
void block_store_give(struct block_store *store, uint32_t block);

// The bytes of a block that was taken.
static inline void *block_store_at(const struct block_store *store, uint32_t block)
{
    return store->base + (uint64_t)block * BLOCK_BYTES;
}
