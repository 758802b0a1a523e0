// SPDX-License-Identifier: MIT
// Finds what was written to a block of a disk.
#include "vmm/disk/overlay.h"

#include "vmm/disk/block_store.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define LEVELS 3
#define LEVEL_BITS 10 // of the block's number, for each level

static_assert(1U << LEVEL_BITS == OVERLAY_FANOUT, "a level is one block of numbers");

void overlay_init(struct overlay *overlay, struct block_store *store, uint32_t limit)
{
    *overlay = (struct overlay){.store = store, .limit = limit};
}

// The entry for the disk's block in a table of that level; level 0 is the last.
static uint32_t *entry_of(const struct overlay *overlay, uint32_t table, uint64_t block,
                          unsigned level)
{
    uint32_t *entries = block_store_at(overlay->store, table);
    return &entries[block >> (level * LEVEL_BITS) & (OVERLAY_FANOUT - 1)];
}

uint32_t overlay_find(const struct overlay *overlay, uint64_t block)
{
    uint32_t number = overlay->root;
    for (unsigned level = LEVELS; level-- > 0 && number != BLOCK_NONE;) {
        number = *entry_of(overlay, number, block, level);
    }
    return number;
}

static uint32_t take_block(struct overlay *overlay)
{
    if (overlay->held >= overlay->limit) {
        return BLOCK_NONE;
    }
    uint32_t taken = block_store_take(overlay->store);
    overlay->held += taken != BLOCK_NONE;
    return taken;
}

// The last level's entry for the block. Makes the tables on the way. NULL: there is no memory.
static uint32_t *make_entry(struct overlay *overlay, uint64_t block)
{
    uint32_t *entry = &overlay->root;
    for (unsigned level = LEVELS; level-- > 0;) {
        if (*entry == BLOCK_NONE) {
            uint32_t table = take_block(overlay);
            if (table == BLOCK_NONE) {
                return NULL;
            }
            memset(block_store_at(overlay->store, table), 0, BLOCK_BYTES);
            *entry = table;
        }
        entry = entry_of(overlay, *entry, block, level);
    }
    return entry;
}

uint32_t overlay_take(struct overlay *overlay, uint64_t block, bool *fresh)
{
    uint32_t *entry = make_entry(overlay, block);
    *fresh = false;
    if (!entry) {
        return BLOCK_NONE;
    }
    if (*entry <= BLOCK_ZERO) {
        uint32_t taken = take_block(overlay);
        if (taken == BLOCK_NONE) {
            return BLOCK_NONE;
        }
        *fresh = true;
        *entry = taken;
    }
    return *entry;
}

bool overlay_drop(struct overlay *overlay, uint64_t block, uint32_t as)
{
    if (overlay_find(overlay, block) == as) {
        return true;
    }
    uint32_t *entry = make_entry(overlay, block);
    if (!entry) {
        return false;
    }
    if (*entry > BLOCK_ZERO) {
        block_store_give(overlay->store, *entry);
        overlay->held--;
    }
    *entry = as;
    return true;
}
