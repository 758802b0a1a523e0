// SPDX-License-Identifier: MIT
// The search for the function that an address lies in.
#include "arch/x86/symbols.h"

extern const char text_start[]; // linker.ld
extern const char text_end[];

static const struct symbol *symbols;
static unsigned symbol_count;
static const char *names;

void symbols_use(const struct symbol *sorted, unsigned count, const char *texts)
{
    symbols = sorted;
    symbol_count = count;
    names = texts;
}

const char *symbols_find(uint64_t address, uint64_t *offset)
{
    if (symbol_count == 0 || address < (uintptr_t)text_start || address >= (uintptr_t)text_end) {
        return NULL;
    }
    uint64_t wanted = address - (uintptr_t)text_start;
    unsigned low = 0; // the answer lies in [low, high)
    unsigned high = symbol_count;
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (symbols[middle].offset <= wanted) {
            low = middle;
        } else {
            high = middle;
        }
    }
    if (symbols[low].offset > wanted) {
        return NULL;
    }
    *offset = wanted - symbols[low].offset;
    return names + symbols[low].name;
}
