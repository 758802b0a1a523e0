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

// Gives the memory of an entry back, if it has any.
static void give_block(struct overlay *overlay, uint32_t *entry)
{
    if (*entry > BLOCK_ZERO) {
        block_store_give(overlay->store, *entry);
        overlay->held--;
    }
    *entry = BLOCK_NONE;
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
    give_block(overlay, entry);
    *entry = as;
    return true;
}

// Drops the first block from `next` on that the table has, or the table that was there. Moves
// `next` behind it.
static void clear_next(struct overlay *overlay)
{
    uint32_t *entry = &overlay->root;
    for (unsigned level = LEVELS; level-- > 0;) {
        uint64_t span = 1ULL << (level * LEVEL_BITS); // blocks below an entry of this level
        entry = entry_of(overlay, *entry, overlay->next, level);
        if (*entry == BLOCK_NONE || level == 0) {
            give_block(overlay, entry);
            overlay->next = ALIGN_DOWN(overlay->next, span) + span;
            return;
        }
    }
}

// Gives back the tables that end before `next`: all their entries are gone.
static void clear_tables(struct overlay *overlay, uint64_t from)
{
    for (unsigned level = 1; level < LEVELS; level++) {
        uint64_t span = 1ULL << (level * LEVEL_BITS);
        if (overlay->next % span != 0) {
            return;
        }
        uint32_t *entry = &overlay->root;
        for (unsigned above = LEVELS; above-- > level && *entry != BLOCK_NONE;) {
            entry = entry_of(overlay, *entry, from, above);
        }
        give_block(overlay, entry);
    }
}

bool overlay_clear(struct overlay *overlay, unsigned blocks)
{
    for (; overlay->root != BLOCK_NONE && blocks > 0; blocks--) {
        uint64_t from = overlay->next;
        clear_next(overlay);
        clear_tables(overlay, from);
        if (overlay->next >= OVERLAY_BLOCKS_MAX) {
            give_block(overlay, &overlay->root);
            overlay->next = 0;
        }
    }
    return overlay->root == BLOCK_NONE;
}

uint64_t overlay_table_blocks(uint64_t blocks)
{
    uint64_t sum = 0;
    for (unsigned level = 0; level < LEVELS; level++) {
        blocks = (blocks + OVERLAY_FANOUT - 1) / OVERLAY_FANOUT;
        sum += blocks;
    }
    return sum;
}
