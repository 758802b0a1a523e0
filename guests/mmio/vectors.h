// SPDX-License-Identifier: MIT
// All vector registers at once.
#pragma once

#include "vmm/util/types.h"

#define VECTORS 16
#define VECTOR_WORDS 4 // of 8 bytes each: YMM

struct vectors {
    uint64_t words[VECTORS][VECTOR_WORDS];
    uint64_t mmx[8];
};

// Without `ymm` only the first two words of each.
void vectors_load(const struct vectors *vectors, bool ymm);
void vectors_save(struct vectors *vectors, bool ymm);
void vectors_load_mmx(const struct vectors *vectors);
void vectors_save_mmx(struct vectors *vectors); // leaves the x87 unit empty
