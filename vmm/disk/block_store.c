// SPDX-License-Identifier: MIT
// Hands out blocks of a memory that grows.
#include "vmm/disk/block_store.h"

void block_store_init(struct block_store *store, uint8_t *base,
                      uint32_t (*grow)(struct block_store *store))
{
    *store = (struct block_store){.base = base, .next = BLOCK_ZERO + 1, .grow = grow};
}

uint32_t block_store_take(struct block_store *store)
{
    uint32_t block = store->first_free;
    if (block != BLOCK_NONE) {
        store->first_free = *(const uint32_t *)block_store_at(store, block);
        store->taken++;
        return block;
    }
    if (store->next >= store->made) {
        uint32_t more = store->grow(store);
        if (more == 0 || more > UINT32_MAX - store->made) {
            return BLOCK_NONE;
        }
        store->made += more;
    }
    store->taken++;
    return store->next++;
}

void block_store_give(struct block_store *store, uint32_t block)
{
    *(uint32_t *)block_store_at(store, block) = store->first_free;
    store->first_free = block;
    store->taken--;
}
