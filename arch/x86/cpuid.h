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
