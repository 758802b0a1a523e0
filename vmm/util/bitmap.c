// SPDX-License-Identifier: MIT
// Runs of bits; see bitmap.h.
#include "vmm/util/bitmap.h"

bool bitmap_test(const struct bitmap *map, uint64_t bit)
{
    return (map->words[bit / 64] & BIT(bit % 64)) != 0;
}

void bitmap_set(struct bitmap *map, uint64_t first, uint64_t count)
{
    for (uint64_t bit = first; bit < first + count; bit++) {
        map->words[bit / 64] |= BIT(bit % 64);
    }
}

void bitmap_clear(struct bitmap *map, uint64_t first, uint64_t count)
{
    for (uint64_t bit = first; bit < first + count; bit++) {
        map->words[bit / 64] &= ~BIT(bit % 64);
    }
}

// How many bits from `first` on are clear, at most `count`.
static uint64_t clear_run(const struct bitmap *map, uint64_t first, uint64_t count)
{
    uint64_t run = 0;
    while (run < count) {
        uint64_t bit = first + run;
        uint64_t word = map->words[bit / 64] >> bit % 64;
        if (word != 0) {
            return MIN(run + (uint64_t)__builtin_ctzll(word), count);
        }
        run += 64 - bit % 64;
    }
    return count;
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
    uint64_t over = value % alignment;
    return over == 0 ? value : value + (alignment - over);
}

uint64_t bitmap_find_clear(const struct bitmap *map, uint64_t from, uint64_t count,
                           uint64_t alignment)
{
    uint64_t first = round_up(from, alignment);
    while (first < map->bits && count <= map->bits - first) {
        if (map->words[first / 64] == UINT64_MAX) { // a full word: no need to look at its bits
            first = round_up(ALIGN_DOWN(first, 64) + 64, alignment);
            continue;
        }
        uint64_t run = clear_run(map, first, count);
        if (run == count) {
            return first;
        }
        first = round_up(first + run + 1, alignment);
    }
    return BITMAP_NONE;
}
