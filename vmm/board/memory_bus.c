// SPDX-License-Identifier: MIT
// The list of device memory: first what stays, then what comes and goes.
#include "vmm/board/memory_bus.h"

void memory_bus_init(struct memory_bus *bus)
{
    bus->count = 0;
    bus->fixed = 0;
}

void memory_bus_claim_bar(struct memory_bus *bus, struct memory_range *range)
{
    if (bus->count < MEMORY_BUS_RANGES) {
        bus->ranges[bus->count++] = range;
    }
}

void memory_bus_claim(struct memory_bus *bus, struct memory_range *range)
{
    memory_bus_claim_bar(bus, range);
    bus->fixed = bus->count;
}

void memory_bus_release_bars(struct memory_bus *bus)
{
    bus->count = bus->fixed;
}
