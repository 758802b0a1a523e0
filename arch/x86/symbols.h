// SPDX-License-Identifier: MIT
// Names of Husk's own functions. Until there are any, backtraces show bare addresses.
#pragma once

#include "vmm/util/types.h"

struct symbol {
    uint32_t offset; // of the function, from text_start
    uint32_t name;   // of its name, in the names' text
};

// Makes symbols_find search in these functions. They are sorted by their offsets.
void symbols_use(const struct symbol *sorted, unsigned count, const char *names);

// The function that contains `address`, and the offset inside it. NULL: unknown.
const char *symbols_find(uint64_t address, uint64_t *offset);
