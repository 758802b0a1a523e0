// SPDX-License-Identifier: MIT
// Finds the device of an I/O port, in one table look-up for those of a PC.
#include "vmm/board/io_bus.h"

#include "vmm/util/types.h"

void io_bus_init(struct io_bus *bus)
{
    *bus = (struct io_bus){.range_count = 1, .fixed_count = 1};
}

void io_bus_claim(struct io_bus *bus, struct io_range *range)
{
    uint8_t index = bus->range_count++;
    bus->fixed_count = bus->range_count;
    bus->ranges[index] = range;
    for (unsigned i = 0; i < range->count; i++) {
        bus->range_of_port[range->first + i] = index;
    }
}

// One past the last port of a range that the table has.
static unsigned near_end(const struct io_range *range)
{
    return MIN((unsigned)range->first + range->count, IO_BUS_FAST_PORTS);
}

void io_bus_claim_bar(struct io_bus *bus, struct io_range *range)
{
    if (bus->range_count == IO_BUS_RANGES) {
        return;
    }
    uint8_t index = bus->range_count++;
    bus->ranges[index] = range;
    for (unsigned port = range->first; port < near_end(range); port++) {
        if (bus->range_of_port[port] == 0) {
            bus->range_of_port[port] = index;
        }
    }
}

void io_bus_release_bars(struct io_bus *bus)
{
    for (unsigned i = bus->fixed_count; i < bus->range_count; i++) {
        for (unsigned port = bus->ranges[i]->first; port < near_end(bus->ranges[i]); port++) {
            if (bus->range_of_port[port] >= bus->fixed_count) {
                bus->range_of_port[port] = 0;
            }
        }
    }
    bus->range_count = bus->fixed_count;
}

// The range of a port that is not in the table.
static struct io_range *far_range_at(const struct io_bus *bus, uint16_t port)
{
    for (unsigned i = bus->fixed_count; i < bus->range_count; i++) {
        struct io_range *range = bus->ranges[i];
        if ((unsigned)port - range->first < range->count) {
            return range;
        }
    }
    return NULL;
}

static struct io_range *range_at(const struct io_bus *bus, uint16_t port)
{
    return port < IO_BUS_FAST_PORTS ? bus->ranges[bus->range_of_port[port]]
                                    : far_range_at(bus, port);
}

static void count(struct io_bus *bus, uint16_t port)
{
    bus->unclaimed++;
    bus->last_unclaimed = port;
}

static NOT_INLINE uint32_t read_far(struct io_bus *bus, uint16_t port)
{
    struct io_range *range = far_range_at(bus, port);
    if (range) {
        return (uint8_t)range->read(range, (unsigned)(port - range->first), 1);
    }
    count(bus, port);
    return 0xff;
}

static inline uint32_t read_byte(struct io_bus *bus, uint16_t port)
{
    if (port >= IO_BUS_FAST_PORTS) {
        return read_far(bus, port);
    }
    struct io_range *range = bus->ranges[bus->range_of_port[port]];
    if (range) {
        return (uint8_t)range->read(range, (unsigned)(port - range->first), 1);
    }
    count(bus, port);
    return 0xff;
}

static NOT_INLINE void write_far(struct io_bus *bus, uint16_t port, uint8_t value)
{
    struct io_range *range = far_range_at(bus, port);
    if (range) {
        range->write(range, (unsigned)(port - range->first), 1, value);
    } else {
        count(bus, port);
    }
}

static inline void write_byte(struct io_bus *bus, uint16_t port, uint8_t value)
{
    if (port >= IO_BUS_FAST_PORTS) {
        write_far(bus, port, value);
        return;
    }
    struct io_range *range = bus->ranges[bus->range_of_port[port]];
    if (range) {
        range->write(range, (unsigned)(port - range->first), 1, value);
    } else {
        count(bus, port);
    }
}

// Counts a wide access once, however many of its bytes have no device. `before` is the count before
// the access.
static void count_once(struct io_bus *bus, uint16_t port, uint64_t before)
{
    if (bus->unclaimed != before) {
        bus->unclaimed = before + 1;
        bus->last_unclaimed = port;
    }
}

// Accesses of 2 and 4 bytes have functions of their own, so that the usual access of one byte saves
// no registers for them.
static NOT_INLINE uint32_t read_wide(struct io_bus *bus, uint16_t port, unsigned width)
{
    struct io_range *range = range_at(bus, port);
    if (range && range->any_width) {
        return range->read(range, (unsigned)(port - range->first), width);
    }
    uint32_t value = 0;
    uint64_t unclaimed = bus->unclaimed;
    for (unsigned i = 0; i < width; i++) {
        value |= read_byte(bus, (uint16_t)(port + i)) << (8 * i);
    }
    count_once(bus, port, unclaimed);
    return value;
}

uint32_t io_bus_read(struct io_bus *bus, uint16_t port, unsigned width)
{
    return width == 1 ? read_byte(bus, port) : read_wide(bus, port, width);
}

static NOT_INLINE void write_split(struct io_bus *bus, uint16_t port, unsigned width,
                                   uint32_t value)
{
    uint64_t unclaimed = bus->unclaimed;
    for (unsigned i = 0; i < width; i++) {
        write_byte(bus, (uint16_t)(port + i), (uint8_t)(value >> (8 * i)));
    }
    count_once(bus, port, unclaimed);
}

static NOT_INLINE void write_wide(struct io_bus *bus, uint16_t port, unsigned width, uint32_t value)
{
    struct io_range *range = range_at(bus, port);
    if (range && range->any_width) {
        range->write(range, (unsigned)(port - range->first), width, value);
    } else {
        write_split(bus, port, width, value);
    }
}

void io_bus_write(struct io_bus *bus, uint16_t port, unsigned width, uint32_t value)
{
    if (width == 1) {
        write_byte(bus, port, (uint8_t)value);
    } else {
        write_wide(bus, port, width, value);
    }
}
