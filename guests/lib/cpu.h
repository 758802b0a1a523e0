// SPDX-License-Identifier: MIT
// Instructions that C has no word for: CPUID, MSRs, control registers, the TSC, halting.
#pragma once

#include "arch/x86/cpuid_bits.h"
#include "vmm/util/types.h"

static inline struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

// CPUID for a leaf that the CPU may not have: all zero in that case.
static inline struct cpuid_registers cpuid_if_present(uint32_t leaf, uint32_t subleaf)
{
    if (cpuid(leaf & 0xffff0000, 0).eax < leaf) {
        return (struct cpuid_registers){0, 0, 0, 0};
    }
    return cpuid(leaf, subleaf);
}

static inline uint64_t msr_read(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

// Reads the TSC after all earlier instructions are done.
static inline uint64_t tsc_read(void)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

#define CPU_REGISTER(name, text)                                                                   \
    static inline uint64_t name##_read(void)                                                       \
    {                                                                                              \
        uint64_t value;                                                                            \
        __asm__ volatile("mov %%" text ", %0" : "=r"(value)::"memory");                            \
        return value;                                                                              \
    }                                                                                              \
    static inline void name##_write(uint64_t value)                                                \
    {                                                                                              \
        __asm__ volatile("mov %0, %%" text ::"r"(value) : "memory");                               \
    }

CPU_REGISTER(cr0, "cr0")
CPU_REGISTER(cr2, "cr2")
CPU_REGISTER(cr3, "cr3")
CPU_REGISTER(cr4, "cr4")
CPU_REGISTER(cr8, "cr8")
CPU_REGISTER(dr0, "dr0")
CPU_REGISTER(dr6, "dr6")
CPU_REGISTER(dr7, "dr7")

static inline void cpu_halt(void)
{
    __asm__ volatile("hlt" ::: "memory");
}

// For each round of a loop that waits for another processor (SDM Vol. 2B, PAUSE).
static inline void cpu_pause(void)
{
    __asm__ volatile("pause" ::: "memory");
}

// Takes interrupts until one has come. No interrupt is lost between STI and HLT (SDM Vol. 2B, STI).
static inline void cpu_wait_for_interrupt(void)
{
    __asm__ volatile("sti\n\thlt\n\tcli" ::: "memory");
}

static inline void cpu_interrupts_on(void)
{
    __asm__ volatile("sti" ::: "memory");
}

static inline void cpu_interrupts_off(void)
{
    __asm__ volatile("cli" ::: "memory");
}

static inline void cpu_invalidate_page(uint64_t address)
{
    __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}
