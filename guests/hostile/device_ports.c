// SPDX-License-Identifier: MIT
// Every port of every device, in every width and by string instructions.
#include "guests/hostile/device_ports.h"

#include "guests/hostile/groups.h"
#include "guests/hostile/health.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/hpet.h"
#include "guests/lib/port.h"

#define PORTS 65536U
#define POST_PORT 0x80
#define CMOS_INDEX_PORT 0x70
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_HOST_BRIDGE 0x80000000U
#define PALETTE_READ_INDEX 0x3c7
#define PALETTE_WRITE_INDEX 0x3c8
#define PALETTE_DATA 0x3c9
#define PALETTE_BYTES 768U
#define PALETTE_BITS 0x3f
#define BUFFER_BYTES 1024U
#define GUARD_BYTES 8U
#define GUARD 0xc3
#define REPEATS 32U
#define WIDEST 4U
#define SLEEP_ENABLE 0x20U // in the upper byte of PM1a control: the machine would be switched off

struct port_range {
    uint16_t first;
    uint16_t last;
};

// Ports whose writes can end or reset the VM, or print.
static const struct port_range not_written[] = {
    {0x60, 0x64},   // keyboard controller: its reset line
    {0x92, 0x92},   // system control port A: reset
    {0xe9, 0xe9},   // emulators' console
    {0xf4, 0xf4},   // the end
    {0x3f8, 0x3f8}, // the UART's transmitter
    {0xcf9, 0xcf9}, // reset control
};

static const struct port_range devices[] = {
    {0x20, 0x21},   {0xa0, 0xa1},   {0x4d0, 0x4d1}, {0x40, 0x43},   {0x60, 0x64},
    {0x70, 0x71},   {0x80, 0x80},   {0x92, 0x92},   {0xe9, 0xe9},   {0xf4, 0xf4},
    {0x3b0, 0x3df}, {0x3f8, 0x3ff}, {0x600, 0x60b}, {0xcf8, 0xcff},
};

// Ports that read the same each time, as long as nothing happens.
static const struct port_range steady[] = {
    {0x20, 0x21}, {0xa0, 0xa1},   {0x4d0, 0x4d1}, {0x64, 0x64},   {0x80, 0x80},   {0x92, 0x92},
    {0xe9, 0xe9}, {0x3c4, 0x3c5}, {0x3d4, 0x3d5}, {0x3f9, 0x3ff}, {0x604, 0x605},
};

static uint8_t buffer[BUFFER_BYTES];

bool port_may_be_written(uint32_t port, unsigned width)
{
    if (port + width > PORTS) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(not_written); i++) {
        if (port <= not_written[i].last && port + width > not_written[i].first) {
            return false;
        }
    }
    return true;
}

static uint32_t in(uint16_t port, unsigned width)
{
    return width == 1 ? in8(port) : width == 2 ? in16(port) : in32(port);
}

static void out(uint16_t port, unsigned width, uint32_t value)
{
    if (width == 1) {
        out8(port, (uint8_t)value);
    } else if (width == 2) {
        out16(port, (uint16_t)value);
    } else {
        out32(port, value);
    }
}

static void in_string(uint16_t port, unsigned width, void *to, uint64_t count)
{
    if (width == 1) {
        __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
    } else if (width == 2) {
        __asm__ volatile("rep insw" : "+D"(to), "+c"(count) : "d"(port) : "memory");
    } else {
        __asm__ volatile("rep insl" : "+D"(to), "+c"(count) : "d"(port) : "memory");
    }
}

static void out_string(uint16_t port, unsigned width, const void *from, uint64_t count)
{
    if (width == 1) {
        __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
    } else if (width == 2) {
        __asm__ volatile("rep outsw" : "+S"(from), "+c"(count) : "d"(port) : "memory");
    } else {
        __asm__ volatile("rep outsl" : "+S"(from), "+c"(count) : "d"(port) : "memory");
    }
}

// Calls `function` with each width for each port of each device, and for the ports in front of it.
// Then checks the devices by devices_work.
static enum outcome for_each_port(void (*function)(uint16_t port, unsigned width))
{
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        const unsigned first = devices[i].first - (WIDEST - 1);
        for (unsigned port = first; port <= devices[i].last; port++) {
            for (unsigned width = 1; width <= WIDEST; width *= 2) {
                function((uint16_t)port, width);
            }
        }
    }
    return devices_work();
}

static void read_one(uint16_t port, unsigned width)
{
    in(port, width);
    in(port, width);
}

static void write_one(uint16_t port, unsigned width)
{
    static const uint32_t values[] = {0, UINT32_MAX, 0x01020304, 0x5aa5a55a, 0x80808080};
    for (unsigned i = 0; i < ARRAY_SIZE(values) && port_may_be_written(port, width); i++) {
        out(port, width, values[i]);
        in(port, width);
    }
}

static enum outcome reads(void)
{
    return for_each_port(read_one);
}

static enum outcome writes(void)
{
    return for_each_port(write_one);
}

static bool is_steady(unsigned port)
{
    for (unsigned i = 0; i < ARRAY_SIZE(steady); i++) {
        if (port >= steady[i].first && port <= steady[i].last) {
            return true;
        }
    }
    return false;
}

// What a wide read must give: the bytes of its ports, with all ones for a port without a device or
// outside `steady`.
static uint32_t bytes_at(unsigned port, unsigned width)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        value |= (uint32_t)(is_steady(port + i) ? in8((uint16_t)(port + i)) : UINT8_MAX) << 8 * i;
    }
    return value;
}

static bool is_any_device(unsigned port)
{
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        if (port >= devices[i].first && port <= devices[i].last) {
            return true;
        }
    }
    return false;
}

static bool comparable(unsigned port, unsigned width)
{
    for (unsigned i = 0; i < width; i++) {
        if (is_any_device(port + i) && !is_steady(port + i)) {
            return false;
        }
    }
    return true;
}

static enum outcome wide_reads(void)
{
    out8(POST_PORT, 0x5a);
    for (unsigned i = 0; i < ARRAY_SIZE(steady); i++) {
        for (unsigned port = steady[i].first - (WIDEST - 1); port <= steady[i].last; port++) {
            for (unsigned width = 2; width <= WIDEST; width *= 2) {
                if (comparable(port, width) && in((uint16_t)port, width) != bytes_at(port, width)) {
                    return attempt_wrong("port and width", port << 4 | width);
                }
            }
        }
    }
    return OUTCOME_DONE;
}

// A wide write to the 8259 must set the mask and must not reach the port behind it.
static enum outcome wide_writes(void)
{
    out16(0x20, 0x5a0a); // OCW3: IRR next; the mask
    const uint8_t mask = in8(0x21);
    out32(0x4d0, 0xa5a50e20);
    const uint16_t edges = in16(0x4d0);
    out16(POST_PORT - 1, 0x3c00);
    const uint8_t code = in8(POST_PORT);
    if (mask != 0x5a || edges != 0x0e20 || code != 0x3c) {
        return attempt_wrong("masks and code", (uint64_t)mask << 24 | (uint64_t)edges << 8 | code);
    }
    return OUTCOME_DONE;
}

static enum outcome last_ports(void)
{
    for (unsigned port = PORTS - WIDEST; port < PORTS; port++) {
        for (unsigned width = 1; width <= WIDEST; width *= 2) {
            const uint32_t ones = width == WIDEST ? UINT32_MAX : (uint32_t)BIT(8 * width) - 1;
            out((uint16_t)port, width, 0);
            if (in((uint16_t)port, width) != ones) {
                return attempt_wrong("port and width", port << 4 | width);
            }
        }
    }
    return OUTCOME_ALL_ONES;
}

static void fill(uint8_t value)
{
    for (unsigned i = 0; i < BUFFER_BYTES; i++) {
        buffer[i] = value;
    }
}

static bool overrun;

static void read_string(uint16_t port, unsigned width)
{
    fill(GUARD);
    in_string(port, width, buffer + GUARD_BYTES, REPEATS);
    for (unsigned i = 0; i < GUARD_BYTES; i++) {
        const unsigned behind = GUARD_BYTES + REPEATS * width + i;
        overrun = overrun || buffer[i] != GUARD || buffer[behind] != GUARD;
    }
}

static void write_string(uint16_t port, unsigned width)
{
    if (port_may_be_written(port, width)) {
        out_string(port, width, buffer, REPEATS);
    }
}

static enum outcome string_reads(void)
{
    overrun = false;
    const enum outcome outcome = for_each_port(read_string);
    return overrun ? attempt_wrong("beside the buffer", 0) : outcome;
}

static enum outcome string_writes(void)
{
    for (unsigned i = 0; i < BUFFER_BYTES; i++) {
        buffer[i] = (uint8_t)(i * 7 & ~SLEEP_ENABLE);
    }
    return for_each_port(write_string);
}

// The palette takes and gives 768 bytes, and keeps count of them.
static enum outcome palette(void)
{
    for (unsigned i = 0; i < PALETTE_BYTES; i++) {
        buffer[i] = (uint8_t)(i * 5 & PALETTE_BITS);
    }
    out8(PALETTE_WRITE_INDEX, 0);
    out_string(PALETTE_DATA, 1, buffer, PALETTE_BYTES);
    fill(GUARD);
    out8(PALETTE_READ_INDEX, 0);
    in_string(PALETTE_DATA, 1, buffer, PALETTE_BYTES);
    for (unsigned i = 0; i < PALETTE_BYTES; i++) {
        if (buffer[i] != (i * 5 & PALETTE_BITS)) {
            return attempt_wrong("byte", i);
        }
    }
    return buffer[PALETTE_BYTES] == GUARD ? OUTCOME_DONE : attempt_wrong("byte", PALETTE_BYTES);
}

// Each iteration is one access of the whole width.
static enum outcome wide_strings(void)
{
    uint32_t identities[4] = {0};
    uint16_t codes[4] = {0};
    uint32_t addresses[] = {0, 0x5aa5a55a, PCI_HOST_BRIDGE};
    out_string(PCI_ADDRESS, 4, addresses, ARRAY_SIZE(addresses));
    in_string(PCI_DATA, 4, identities, ARRAY_SIZE(identities));
    const uint32_t identity = in32(PCI_DATA);
    out8(POST_PORT, 0x66);
    in_string(POST_PORT, 2, codes, ARRAY_SIZE(codes));
    for (unsigned i = 0; i < ARRAY_SIZE(codes); i++) {
        if (identities[i] != identity || identity == UINT32_MAX || codes[i] != 0xff66) {
            return attempt_wrong("element", i);
        }
    }
    return OUTCOME_DONE;
}

// Copies from one device to another.
static enum outcome device_to_device(void)
{
    const uint32_t version = xapic_read(APIC_VERSION);
    out_string(POST_PORT, 1, (const void *)(uintptr_t)(APIC_DEFAULT_ADDRESS + APIC_VERSION), 1);
    const uint8_t code = in8(POST_PORT);
    out8(POST_PORT, 0x50);
    in_string(POST_PORT, 4, (void *)(uintptr_t)(APIC_DEFAULT_ADDRESS + APIC_TPR), 1);
    const uint32_t priority = xapic_read(APIC_TPR);
    out_string(POST_PORT, 2, (const void *)(uintptr_t)(HPET_ADDRESS + 2), 1);
    const uint8_t vendor = in8(POST_PORT);
    if (code != (uint8_t)version || priority != 0x50 || vendor != 0x86) {
        return attempt_wrong("codes", (uint64_t)code << 32 | priority << 8 | vendor);
    }
    return OUTCOME_DONE;
}

// A prefix may change the segment of the source, but not that of the destination.
static enum outcome segment_prefixes(void)
{
    uint8_t bytes[2] = {0x11, 0x22};
    const void *from = bytes;
    void *to = bytes + 1;
    __asm__ volatile("gs outsb" : "+S"(from) : "d"((uint16_t)POST_PORT) : "memory");
    const uint8_t code = in8(POST_PORT);
    __asm__ volatile("gs insb" : "+D"(to) : "d"((uint16_t)POST_PORT) : "memory");
    const bool moved = from == bytes + 1 && to == bytes + 2;
    return code == 0x11 && bytes[1] == 0x11 && moved ? OUTCOME_DONE : attempt_wrong("code", code);
}

static const struct attempt attempts[] = {
    {"every port of the devices read in all widths", reads, DONE},
    {"every port of the devices written in all widths", writes, DONE},
    {"wide reads and the bytes that they are made of", wide_reads, DONE},
    {"wide writes across ports", wide_writes, DONE},
    {"accesses beyond the last port", last_ports, ALL_ONES},
    {"REP INS from every port of the devices", string_reads, DONE},
    {"REP OUTS to every port of the devices", string_writes, DONE},
    {"the palette by REP OUTSB and REP INSB", palette, DONE},
    {"REP INSD, REP OUTSD and REP INSW", wide_strings, DONE},
    {"string I/O with device memory", device_to_device, DONE},
    {"string I/O with a segment prefix", segment_prefixes, DONE},
};

const struct attempt_group device_ports_group = {attempts, ARRAY_SIZE(attempts)};
