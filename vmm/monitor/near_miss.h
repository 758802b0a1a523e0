// SPDX-License-Identifier: MIT
// Guesses which name a mistyped word meant.
#pragma once

#include "vmm/util/types.h"

struct near_miss {
    const char *word;
    const char *best; // of the names that were offered; NULL: none is like the word
    size_t distance;  // of `best` from the word; with no best, one more than a guess may have
};

void near_miss_begin(struct near_miss *miss, const char *word);
// Offers a name that the word may have meant.
void near_miss_offer(struct near_miss *miss, const char *name);
