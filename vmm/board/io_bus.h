// SPDX-License-Identifier: MIT
// The I/O ports of a VM: which device answers at which port.
#pragma once

#include "vmm/util/types.h"

#define IO_BUS_RANGES 32
#define IO_BUS_FAST_PORTS 0x1000 // all ports of a PC's own devices

// Embedded in what owns the device; found again with container_of. Offsets are from `first`.
struct io_range {
    uint16_t first;
    uint16_t count;
    bool any_width; // takes 2 and 4 bytes at once; others get them byte by byte
    uint32_t (*read)(struct io_range *range, unsigned offset, unsigned width);
    void (*write)(struct io_range *range, unsigned offset, unsigned width, uint32_t value);
};

struct io_bus {
    uint8_t range_of_port[IO_BUS_FAST_PORTS]; // index into ranges; 0: nobody
    unsigned range_count;
    struct io_range *ranges[IO_BUS_RANGES]; // [0] stands for nobody
    uint64_t unclaimed;                     // accesses to ports that nobody answers
    uint16_t last_unclaimed;
};

void io_bus_init(struct io_bus *bus);

// Fewer than IO_BUS_RANGES, each below IO_BUS_FAST_PORTS and alive as long as the bus; the caller's
// table of ranges is constant and its test claims them all.
void io_bus_claim(struct io_bus *bus, struct io_range *range);

// `width` is 1, 2 or 4 bytes. A port that nobody answers reads all ones and takes what is written.
uint32_t io_bus_read(struct io_bus *bus, uint16_t port, unsigned width);
void io_bus_write(struct io_bus *bus, uint16_t port, unsigned width, uint32_t value);
