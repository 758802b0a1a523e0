// SPDX-License-Identifier: MIT
// Where the machine has RAM, which RAM is already in use, and which addresses can be a device's.
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

// Keeps the machine's memory for the questions below. Until then there is no RAM for them.
void machine_memory_set(const struct machine_memory *memory);

// Whether this CPU has all these physical addresses (SDM Vol. 3A 4.1.4). An address from the
// firmware must be asked for before it gets into a page table.
bool machine_memory_has(uint64_t address, uint64_t bytes);

// Whether a device can be there: the CPU has the addresses, and none of them is RAM.
bool machine_memory_can_be_device(uint64_t address, uint64_t bytes);
