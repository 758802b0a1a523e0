// SPDX-License-Identifier: MIT
// Runs of bits in an array of words. The frame allocators keep their books in it.
#pragma once

#include "vmm/util/types.h"

#define BITMAP_NONE UINT64_MAX

struct bitmap {
    uint64_t *words; // bit n is bit n % 64 of word n / 64
    uint64_t bits;
};

#define BITMAP_BYTES(bits) (ALIGN_UP(bits, 64) / 8)

bool bitmap_test(const struct bitmap *map, uint64_t bit);
void bitmap_set(struct bitmap *map, uint64_t first, uint64_t count);
void bitmap_clear(struct bitmap *map, uint64_t first, uint64_t count);

// The lowest run of `count` clear bits at or above `from` whose first bit is a multiple of
// `alignment` (not 0). BITMAP_NONE: there is none.
uint64_t bitmap_find_clear(const struct bitmap *map, uint64_t from, uint64_t count,
                           uint64_t alignment);
