// SPDX-License-Identifier: MIT
// The CPUID instruction.
#pragma once

#include "arch/x86/cpuid_bits.h" // IWYU pragma: export
#include "vmm/util/types.h"

static inline struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_registers out;
    __asm__ volatile("cpuid"
                     : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                     : "a"(leaf), "c"(subleaf));
    return out;
}

// Gives zeros if this CPU does not have the leaf. Hardware would answer with another leaf's values.
static inline struct cpuid_registers cpuid_checked(uint32_t leaf, uint32_t subleaf)
{
    if (cpuid(leaf & CPUID_EXTENDED, 0).eax < leaf) {
        return (struct cpuid_registers){0};
    }
    return cpuid(leaf, subleaf);
}

#define PHYSICAL_BITS_DEFAULT 36

// The first physical address that this CPU does not have (SDM Vol. 3A 4.1.4). An address from the
// firmware must be compared with it before it gets into a page table.
static inline uint64_t cpuid_physical_limit(void)
{
    unsigned bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax & PHYSICAL_BITS_MASK;
    return BIT(bits != 0 ? bits : PHYSICAL_BITS_DEFAULT);
}
