// SPDX-License-Identifier: MIT
// RDMSR and WRMSR, and variants that survive an MSR that this CPU does not have.
#pragma once

#include "vmm/util/types.h"

static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t low;
    uint32_t high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (uint64_t)high << 32 | low;
}

static inline void wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
                     : "memory");
}

// False if the instruction faults (#GP); `value` is then 0. Both need the IDT (idt_load).
bool rdmsr_safe(uint32_t msr, uint64_t *value) MUST_CHECK;
bool wrmsr_safe(uint32_t msr, uint64_t value) MUST_CHECK;
