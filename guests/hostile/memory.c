// SPDX-License-Identifier: MIT
// Attempts on memory outside the guest's own.
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"

#define IOAPIC_ADDRESS 0xfec00000ULL
#define HOLE_START 0xa0000ULL               // where a PC has its graphics card
#define HOLE_END 0xb8000ULL                 // where the text memory begins
#define FIRMWARE_START (4 * GIB - 16 * MIB) // where a PC has its flash
#define DENSE_BYTES (16 * MIB)
#define SPARSE_STEP (1 * MIB + 4 * KIB + 8)
#define PATTERN 0x5a5a5a5a5a5a5a5aULL

static uint64_t read_at(uint64_t address)
{
    uint64_t value;
    __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static void write_at(uint64_t address, uint64_t value)
{
    __asm__ volatile("movq %0, (%1)" ::"r"(value), "r"(address) : "memory");
}

// Reads in each width. The outcome is wrong, with the value that was found, unless that is all
// ones.
static enum outcome read_nothing(uint64_t physical)
{
    const uint64_t address = probe_map(physical, 0);
    uint32_t byte;
    uint32_t word;
    uint32_t dword;
    __asm__ volatile("movzbl (%1), %0" : "=r"(byte) : "r"(address) : "memory");
    __asm__ volatile("movzwl (%1), %0" : "=r"(word) : "r"(address) : "memory");
    __asm__ volatile("movl (%1), %0" : "=r"(dword) : "r"(address) : "memory");
    const uint64_t qword = read_at(address);
    if (byte != UINT8_MAX || word != UINT16_MAX || dword != UINT32_MAX || qword != UINT64_MAX) {
        return attempt_wrong("read", qword);
    }
    return OUTCOME_ALL_ONES;
}

// A written value must not be there afterwards.
static enum outcome write_nothing(uint64_t physical)
{
    const uint64_t address = probe_map(physical, PAGE_WRITABLE);
    write_at(address, PATTERN);
    __asm__ volatile("movl %0, (%1)" ::"r"(0), "r"(address) : "memory");
    __asm__ volatile("movw %w0, (%1)" ::"r"(0), "r"(address) : "memory");
    __asm__ volatile("movb $0, (%0)" ::"r"(address) : "memory");
    const uint64_t value = read_at(address);
    return value == UINT64_MAX ? OUTCOME_ALL_ONES : attempt_wrong("written", value);
}

static enum outcome read_above(void)
{
    return read_nothing(machine_memory_end());
}

static enum outcome write_above(void)
{
    return write_nothing(machine_memory_end());
}

static enum outcome read_hole(void)
{
    for (uint64_t at = HOLE_START; at < HOLE_END; at += PAGE_SIZE) {
        const enum outcome outcome = read_nothing(at);
        if (outcome != OUTCOME_ALL_ONES) {
            return outcome;
        }
    }
    return OUTCOME_ALL_ONES;
}

// Calls `touch` for each power of two from 4 GiB on that the processor can address.
static enum outcome each_power(enum outcome (*touch)(uint64_t physical))
{
    const unsigned bits = machine_physical_bits();
    for (unsigned bit = 32; bit < bits; bit++) {
        const enum outcome outcome = touch(BIT(bit));
        if (outcome != OUTCOME_ALL_ONES) {
            return outcome;
        }
    }
    return OUTCOME_ALL_ONES;
}

static enum outcome read_far(void)
{
    return each_power(read_nothing);
}

static enum outcome write_far(void)
{
    return each_power(write_nothing);
}

static enum outcome read_last(void)
{
    return read_nothing(BIT(machine_physical_bits()) - sizeof(uint64_t));
}

static enum outcome read_beyond_physical(void)
{
    return read_nothing(BIT(machine_physical_bits()));
}

static enum outcome read_2_to_40(void)
{
    return read_nothing(BIT(40));
}

// A hypervisor and other guests must lie somewhere. So this searches in small steps close to the
// end of RAM, and up to the devices in larger steps that meet every kind of alignment.
static enum outcome scan(void)
{
    const uint64_t end = machine_memory_end();
    for (uint64_t at = end; at < FIRMWARE_START;) {
        const uint64_t page = ALIGN_DOWN(at, PAGE_SIZE);
        const uint64_t address = probe_map(at, 0);
        if (page < IOAPIC_ADDRESS && read_at(address) != UINT64_MAX) {
            return attempt_wrong("something is at", at);
        }
        at += at < end + DENSE_BYTES ? PAGE_SIZE : SPARSE_STEP;
    }
    return OUTCOME_ALL_ONES;
}

static enum outcome straddle_end(void)
{
    const uint64_t end = machine_memory_end();
    const uint64_t address = probe_map(end - 4, PAGE_WRITABLE);
    const uint64_t kept = read_at(address);
    if (kept >> 32 != UINT32_MAX) {
        return attempt_wrong("read across the end", kept);
    }
    write_at(address, PATTERN);
    const uint64_t value = read_at(address);
    __asm__ volatile("movl %k0, (%1)" ::"r"(kept), "r"(address) : "memory");
    if (value != (0xffffffff00000000ULL | (uint32_t)PATTERN)) {
        return attempt_wrong("written across the end", value);
    }
    return OUTCOME_DONE;
}

static enum outcome copy_from_above(void)
{
    uint8_t buffer[64] = {0};
    void *to = buffer;
    uint64_t from = probe_map(machine_memory_end() - 32, 0);
    uint64_t count = sizeof(buffer);
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count)::"memory");
    for (unsigned i = 32; i < sizeof(buffer); i++) {
        if (buffer[i] != UINT8_MAX) {
            return attempt_wrong("copied", buffer[i]);
        }
    }
    return count == 0 ? OUTCOME_DONE : attempt_wrong("count left", count);
}

static enum outcome fill_above(void)
{
    const uint64_t physical = machine_memory_end();
    uint64_t to = probe_map(physical, PAGE_WRITABLE);
    uint64_t count = 1024;
    __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(0) : "memory");
    return read_nothing(physical + 1024);
}

static enum outcome locked_above(void)
{
    const uint64_t address = probe_map(machine_memory_end(), PAGE_WRITABLE);
    uint32_t value = 1;
    __asm__ volatile("lock xaddl %0, (%1)" : "+r"(value) : "r"(address) : "memory", "cc");
    return value == UINT32_MAX ? OUTCOME_ALL_ONES : attempt_wrong("exchanged", value);
}

static const struct attempt attempts[] = {
    {"read just above RAM", read_above, ALL_ONES},
    {"write just above RAM", write_above, ALL_ONES},
    {"access across the end of RAM", straddle_end, DONE},
    {"copy a block from above RAM", copy_from_above, DONE},
    {"fill a block above RAM", fill_above, ALL_ONES},
    {"locked add above RAM", locked_above, ALL_ONES},
    {"read the hole below 1 MiB", read_hole, ALL_ONES},
    {"read at each power of two from 4 GiB on", read_far, ALL_ONES},
    {"write at each power of two from 4 GiB on", write_far, ALL_ONES},
    {"read the last physical address", read_last, ALL_ONES},
    {"read at 2^40", read_2_to_40, ALL_ONES | FAULT(PF)},
    {"read beyond the physical address width", read_beyond_physical, FAULT(PF)},
    {"scan for anything between RAM and the devices", scan, ALL_ONES},
};

const struct attempt_group memory_group = {attempts, ARRAY_SIZE(attempts)};
