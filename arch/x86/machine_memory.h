// SPDX-License-Identifier: MIT
// Where the machine has RAM, and which of it is in use already.
#pragma once

#include "vmm/util/types.h"

struct memory_span {
    uint64_t start; // physical
    uint64_t bytes;
};

// The usable spans are whole pages, sorted, and do not overlap. The occupied ones may lie anywhere;
// Husk's own image is not among them.
struct machine_memory {
    const struct memory_span *usable;
    unsigned usable_count;
    const struct memory_span *occupied;
    unsigned occupied_count;
};
