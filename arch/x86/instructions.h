// SPDX-License-Identifier: MIT
// Privileged and special instructions that C has no word for, one inline function each.
#pragma once

#include "arch/x86/registers.h"
#include "vmm/util/types.h"

// What LGDT and LIDT read.
struct PACKED descriptor_table {
    uint16_t limit;
    uint64_t base;
};

static_assert(sizeof(struct descriptor_table) == 10, "SDM Vol. 3A 3.5.1");

static inline uint64_t read_cr0(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr0, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}

static inline uint64_t read_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}

static inline uint64_t read_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline void write_cr0(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static inline void write_cr2(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(value) : "memory");
}

static inline void write_cr3(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}

static inline void write_cr4(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static inline void invlpg(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

static inline void load_gdt(const struct descriptor_table *table)
{
    __asm__ volatile("lgdt %0" : : "m"(*table));
}

static inline void load_idt(const struct descriptor_table *table)
{
    __asm__ volatile("lidt %0" : : "m"(*table));
}

static inline void load_task_register(uint16_t selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline uint64_t read_flags(void)
{
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpop %0" : "=r"(flags) : : "memory");
    return flags;
}

static inline void interrupts_disable(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void interrupts_enable(void)
{
    __asm__ volatile("sti" : : : "memory");
}

// Takes pending interrupts, in code that runs long with interrupts off.
static inline void interrupts_window(void)
{
    __asm__ volatile("sti\n\tnop\n\tcli" : : : "memory");
}

// Disables interrupts. Returns the flags for interrupts_restore.
static inline uint64_t interrupts_save(void)
{
    uint64_t flags = read_flags();
    interrupts_disable();
    return flags;
}

static inline void interrupts_restore(uint64_t flags)
{
    if (flags & RFLAGS_IF) {
        interrupts_enable();
    }
}

// STI keeps interrupts off until HLT has begun, so a wake-up between the two cannot be lost.
static inline void interrupts_enable_and_halt(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

static inline void halt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

static inline void pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline uint64_t rdtsc(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
