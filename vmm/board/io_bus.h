// SPDX-License-Identifier: MIT
// The I/O ports of a VM: which device answers at which port.
#pragma once

#include "vmm/util/types.h"

#define IO_BUS_RANGES 64
#define IO_BUS_FAST_PORTS 0x1000 // all ports of a PC's own devices

// The owner of the device embeds this and finds itself with container_of. Offsets count from
// `first`.
struct io_range {
    uint16_t first;
    uint16_t count;
    bool any_width; // takes 2 and 4 bytes at once; without it, the bus splits them into bytes
    uint32_t (*read)(struct io_range *range, unsigned offset, unsigned width);
    void (*write)(struct io_range *range, unsigned offset, unsigned width, uint32_t value);
};

struct io_bus {
    uint8_t range_of_port[IO_BUS_FAST_PORTS]; // index into `ranges`; 0: no device
    uint8_t range_count;
    uint8_t fixed_count;                    // how many of them stay for ever
    struct io_range *ranges[IO_BUS_RANGES]; // [0] is NULL: no device
    uint64_t unclaimed;                     // accesses to ports without a device
    uint16_t last_unclaimed;
};

void io_bus_init(struct io_bus *bus);

// Adds a range, which must live as long as the bus. Its ports are below IO_BUS_FAST_PORTS, and
// there are fewer than IO_BUS_RANGES ranges. Nothing checks that here: the caller's table is
// constant, and its test claims every range. If two ranges claim a port, the later one has it. No
// range of this kind comes after io_bus_claim_bar.
void io_bus_claim(struct io_bus *bus, struct io_range *range);
// Adds a range of any ports until io_bus_release_bars. A port that has a device already keeps it.
// With IO_BUS_RANGES ranges there is no room for one more, and it never answers.
void io_bus_claim_bar(struct io_bus *bus, struct io_range *range);
void io_bus_release_bars(struct io_bus *bus);

// `width` is 1, 2 or 4 bytes. A port without a device reads as all ones and ignores writes.
uint32_t io_bus_read(struct io_bus *bus, uint16_t port, unsigned width);
void io_bus_write(struct io_bus *bus, uint16_t port, unsigned width, uint32_t value);
