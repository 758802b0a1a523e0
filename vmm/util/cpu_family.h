// SPDX-License-Identifier: MIT
// The family of a processor, from its signature: EAX of CPUID leaf 1. Pure.
#pragma once

#include "vmm/util/types.h"

#define CPU_FAMILY_EXTENDED 0xfu // the extended family is added to this one

// As the manuals name it (SDM Vol. 2A CPUID, APM Vol. 3 CPUID Fn0000_0001_EAX).
static inline unsigned cpu_family(uint32_t signature)
{
    unsigned base = signature >> 8 & 0xf;
    return base == CPU_FAMILY_EXTENDED ? base + (signature >> 20 & 0xff) : base;
}
