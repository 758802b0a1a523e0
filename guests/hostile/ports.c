// SPDX-License-Identifier: MIT
// Attempts on the I/O ports: all of them, and the string instructions.
#include "guests/hostile/device_ports.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/health.h"
#include "guests/hostile/machine.h"
#include "guests/lib/port.h"

#define PORTS 65536U
#define UNCLAIMED_PORT 0x2f0
#define POST_PORT 0x80
#define PIC_MASK_PORT 0x21

static enum outcome read_all(void)
{
    for (uint32_t port = 0; port < PORTS; port++) {
        in8((uint16_t)port);
        in16((uint16_t)port);
        in32((uint16_t)port);
    }
    return devices_work();
}

static enum outcome write_all(void)
{
    for (uint32_t port = 0; port < PORTS; port++) {
        if (port_may_be_written(port, 1)) {
            out8((uint16_t)port, 0xff);
        }
        if (port_may_be_written(port, 2)) {
            out16((uint16_t)port, 0xa5a5);
        }
        if (port_may_be_written(port, 4)) {
            out32((uint16_t)port, 0);
        }
    }
    return devices_work();
}

static enum outcome read_unclaimed(void)
{
    const uint32_t value = in32(UNCLAIMED_PORT);
    if (value != UINT32_MAX || in16(UNCLAIMED_PORT) != UINT16_MAX) {
        return attempt_wrong("read", value);
    }
    return in8(UNCLAIMED_PORT) == UINT8_MAX ? OUTCOME_ALL_ONES : attempt_wrong("read", 0);
}

// An 8-bit result must leave the other bits of RAX alone, a 32-bit one clears the upper half.
static enum outcome read_into_rax(void)
{
    uint64_t rax = 0x1122334455667788ULL;
    __asm__ volatile("inb %w1, %%al" : "+a"(rax) : "d"(UNCLAIMED_PORT) : "memory");
    if (rax != 0x11223344556677ffULL) {
        return attempt_wrong("rax after inb", rax);
    }
    __asm__ volatile("inl %w1, %%eax" : "+a"(rax) : "d"(UNCLAIMED_PORT) : "memory");
    return rax == UINT32_MAX ? OUTCOME_DONE : attempt_wrong("rax after inl", rax);
}

static void insb(uint16_t port, uint64_t to, uint64_t count)
{
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(port) : "memory");
}

static void outsb(uint16_t port, uint64_t from, uint64_t count)
{
    __asm__ volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(port) : "memory");
}

static enum outcome insb_above(void)
{
    insb(PIC_MASK_PORT, probe_map(machine_memory_end() - 8, PAGE_WRITABLE), 16);
    return OUTCOME_DONE;
}

static enum outcome outsb_above(void)
{
    outsb(POST_PORT, probe_map(machine_memory_end() - 8, 0), 16);
    return OUTCOME_DONE;
}

static enum outcome insb_unmapped(void)
{
    insb(UNCLAIMED_PORT, UNMAPPED_ADDRESS, 1);
    return OUTCOME_DONE;
}

static enum outcome outsb_unmapped(void)
{
    outsb(POST_PORT, UNMAPPED_ADDRESS, 1);
    return OUTCOME_DONE;
}

static enum outcome insb_noncanonical(void)
{
    insb(UNCLAIMED_PORT, NONCANONICAL_ADDRESS, 1);
    return OUTCOME_DONE;
}

static enum outcome insb_read_only(void)
{
    __asm__ volatile("mov %%cr0, %%rax\n\t"
                     "or $0x10000, %%rax\n\t"
                     "mov %%rax, %%cr0" ::
                         : "rax", "memory");
    insb(UNCLAIMED_PORT, probe_map((uint64_t)(uintptr_t)probe_spare_table(), 0), 1);
    return OUTCOME_DONE;
}

// Makes 65536 iterations until the window ends. Interrupts must get through in the middle of them.
static enum outcome insb_huge(void)
{
    probe_map(machine_memory_end(), PAGE_WRITABLE);
    insb(UNCLAIMED_PORT, PROBE_WINDOW + PROBE_WINDOW_BYTES - 64 * KIB, BIT(40));
    return OUTCOME_DONE;
}

static enum outcome insb_none(void)
{
    insb(UNCLAIMED_PORT, UNMAPPED_ADDRESS, 0);
    return OUTCOME_DONE;
}

static enum outcome insb_backwards(void)
{
    uint8_t buffer[3] = {1, 2, 3};
    uint8_t *to = &buffer[2];
    uint64_t count = 2;
    __asm__ volatile("std\n\trep insb\n\tcld"
                     : "+D"(to), "+c"(count)
                     : "d"(UNCLAIMED_PORT)
                     : "memory");
    if (buffer[0] != 1 || buffer[1] != UINT8_MAX || buffer[2] != UINT8_MAX || to != buffer) {
        return attempt_wrong("buffer", buffer[0]);
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"read all 65536 ports in three widths", read_all, DONE},
    {"write all 65536 ports in three widths", write_all, DONE},
    {"read a port where nothing is", read_unclaimed, ALL_ONES},
    {"what a port read leaves of RAX", read_into_rax, DONE},
    {"REP INSB across the end of RAM", insb_above, DONE},
    {"REP OUTSB across the end of RAM", outsb_above, DONE},
    {"INSB to an unmapped page", insb_unmapped, FAULT(PF)},
    {"OUTSB from an unmapped page", outsb_unmapped, FAULT(PF)},
    {"INSB to a non-canonical address", insb_noncanonical, FAULT(GP)},
    {"INSB to a read-only page", insb_read_only, FAULT(PF)},
    {"REP INSB of 2^40 bytes", insb_huge, FAULT(PF)},
    {"REP INSB of no bytes to an unmapped page", insb_none, DONE},
    {"REP INSB backwards", insb_backwards, DONE},
};

const struct attempt_group ports_group = {attempts, ARRAY_SIZE(attempts)};
