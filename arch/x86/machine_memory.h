// SPDX-License-Identifier: MIT
// Where the machine has RAM, and which RAM is already in use.
#pragma once

#include "vmm/util/types.h"

struct memory_span {
    uint64_t start; // physical
    uint64_t bytes;
};

// The usable spans are whole pages, sorted, and do not overlap. The occupied spans may lie
// anywhere. They do not include Husk's own image.
struct machine_memory {
    const struct memory_span *usable;
    unsigned usable_count;
    const struct memory_span *occupied;
    unsigned occupied_count;
};
