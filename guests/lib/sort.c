// SPDX-License-Identifier: MIT
// Sorts measurements.
#include "guests/lib/sort.h"

#define FIRST_GAP 3280 // of Knuth's gaps, for some thousands of numbers

// Shell sort: short, in place, and quick enough for some thousands of numbers.
void sort_numbers(uint32_t *numbers, unsigned count)
{
    for (unsigned gap = FIRST_GAP; gap > 0; gap /= 3) {
        for (unsigned i = gap; i < count; i++) {
            const uint32_t value = numbers[i];
            unsigned at = i;
            for (; at >= gap && numbers[at - gap] > value; at -= gap) {
                numbers[at] = numbers[at - gap];
            }
            numbers[at] = value;
        }
    }
}
