// SPDX-License-Identifier: MIT
// The device memory of a VM: which device answers at which guest-physical address.
#pragma once

#include "vmm/util/types.h"

#define MEMORY_BUS_RANGES 96

// The owner of the device embeds this and finds itself with container_of. Offsets count from
// `base`. An access that begins in the range may reach beyond its end.
struct memory_range {
    uint64_t base;
    uint64_t bytes;
    uint64_t (*read)(struct memory_range *range, uint64_t offset, unsigned width);
    void (*write)(struct memory_range *range, uint64_t offset, unsigned width, uint64_t value);
};

struct memory_bus {
    unsigned count;
    unsigned fixed; // how many of them stay for ever
    struct memory_range *ranges[MEMORY_BUS_RANGES];
};

void memory_bus_init(struct memory_bus *bus);

// Adds a range that stays, before all those that come and go. It must live as long as the bus.
void memory_bus_claim(struct memory_bus *bus, struct memory_range *range);
// Adds a range until memory_bus_release_bars. Where ranges overlap, the one that was added first
// answers. One more than MEMORY_BUS_RANGES never answers.
void memory_bus_claim_bar(struct memory_bus *bus, struct memory_range *range);
void memory_bus_release_bars(struct memory_bus *bus);

// The range at an address; NULL: no device is there. `width` of the access is 1, 2, 4 or 8.
static inline struct memory_range *memory_bus_find(const struct memory_bus *bus, uint64_t address)
{
    for (unsigned i = 0; i < bus->count; i++) {
        struct memory_range *range = bus->ranges[i];
        if (address - range->base < range->bytes) {
            return range;
        }
    }
    return NULL;
}
