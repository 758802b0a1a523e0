// SPDX-License-Identifier: MIT
// The CPUID instruction and the feature bits that Husk itself asks for (SDM Vol. 2A CPUID).
#pragma once

#include "vmm/util/types.h"

struct cpuid {
    uint32_t eax;
    uint32_t ebx;
    uint32_t ecx;
    uint32_t edx;
};

#define CPUID_FEATURES 1u
#define CPUID_STRUCTURED_FEATURES 7u
#define CPUID_XSAVE 0xdu
#define CPUID_HYPERVISOR 0x40000000u
#define CPUID_EXTENDED 0x80000000u
#define CPUID_EXTENDED_FEATURES 0x80000001u
#define CPUID_ADVANCED_POWER 0x80000007u
#define CPUID_ADDRESS_SIZES 0x80000008u

#define CPUID_1_ECX_VMX BIT(5)
#define CPUID_1_ECX_PCID BIT(17)
#define CPUID_1_ECX_X2APIC BIT(21)
#define CPUID_1_ECX_TSC_DEADLINE BIT(24)
#define CPUID_1_ECX_XSAVE BIT(26)
#define CPUID_1_ECX_HYPERVISOR BIT(31)
#define CPUID_1_EDX_MCE BIT(7)
#define CPUID_1_EDX_APIC BIT(9)
#define CPUID_1_EDX_PGE BIT(13)
#define CPUID_1_EDX_MCA BIT(14)
#define CPUID_1_EDX_PAT BIT(16)
#define CPUID_7_EBX_SMEP BIT(7)
#define CPUID_7_EBX_INVPCID BIT(10)
#define CPUID_7_EBX_SMAP BIT(20)
#define CPUID_7_ECX_UMIP BIT(2)
#define CPUID_7_ECX_RDPID BIT(22)
#define CPUID_7_EDX_ARCH_CAPABILITIES BIT(29)
#define CPUID_D_1_EAX_XSAVEC BIT(1)
#define CPUID_D_1_EAX_XSAVES BIT(3)
#define CPUID_80000001_ECX_SVM BIT(2)
#define CPUID_80000001_EDX_NX BIT(20)
#define CPUID_80000001_EDX_PAGE_1G BIT(26)
#define CPUID_80000001_EDX_RDTSCP BIT(27)

static inline struct cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid out;
    __asm__ volatile("cpuid"
                     : "=a"(out.eax), "=b"(out.ebx), "=c"(out.ecx), "=d"(out.edx)
                     : "a"(leaf), "c"(subleaf));
    return out;
}

// All zero where this CPU does not have the leaf: hardware would answer with another leaf's values.
static inline struct cpuid cpuid_checked(uint32_t leaf, uint32_t subleaf)
{
    if (cpuid(leaf & CPUID_EXTENDED, 0).eax < leaf) {
        return (struct cpuid){0};
    }
    return cpuid(leaf, subleaf);
}

#define PHYSICAL_BITS_DEFAULT 36
#define PHYSICAL_BITS_MASK 0xffU

// The first physical address that this CPU does not have (SDM Vol. 3A 4.1.4). One that comes from
// firmware must be held against it before it gets into a page table.
static inline uint64_t cpuid_physical_limit(void)
{
    unsigned bits = cpuid_checked(CPUID_ADDRESS_SIZES, 0).eax & PHYSICAL_BITS_MASK;
    return BIT(bits != 0 ? bits : PHYSICAL_BITS_DEFAULT);
}
