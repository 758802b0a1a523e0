// SPDX-License-Identifier: MIT
// Guesses which name a mistyped word meant, by the number of changed characters.
#include "vmm/monitor/near_miss.h"

#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define GUESS_LENGTH 31  // longer words are not guessed at
#define GUESS_DISTANCE 2 // changes of one character

// How many characters must be added, removed or replaced to turn `b` into `a` (Levenshtein
// distance). Works row by row through the table of distances between the beginnings of both.
static size_t distance(const char *a, const char *b)
{
    size_t row[GUESS_LENGTH + 1];
    size_t length = strlen(b);
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t added = MIN(row[j], row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = MIN(replaced, added);
        }
    }
    return row[length];
}

void near_miss_begin(struct near_miss *miss, const char *word)
{
    *miss = (struct near_miss){.word = word, .distance = GUESS_DISTANCE + 1};
}

void near_miss_offer(struct near_miss *miss, const char *name)
{
    size_t length = strlen(name);
    if (strlen(miss->word) > GUESS_LENGTH || length > GUESS_LENGTH) {
        return;
    }
    size_t found = distance(miss->word, name);
    if (found < miss->distance && found < length) {
        miss->best = name;
        miss->distance = found;
    }
}
