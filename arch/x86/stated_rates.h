// SPDX-License-Identifier: MIT
// What CPU and hypervisor state of the TSC's rate. Reads CPUID and MSRs.
#pragma once

#include "vmm/util/types.h"

// In the order in which they are trusted.
enum stated_rate {
    RATE_HYPERVISOR,    // CPUID 40000010H, or Hyper-V's MSR
    RATE_CPUID_15,      // CPUID 15H: the crystal's rate and a ratio
    RATE_P_STATE,       // AMD: the P-state MSRs, by family
    RATE_PLATFORM_INFO, // Intel: MSR_PLATFORM_INFO
    RATE_CPUID_16,      // CPUID 16H: the base frequency in MHz
    RATE_COUNT
};

struct stated_rates {
    uint64_t hz[RATE_COUNT]; // 0: not stated
};

// On the BSP: what cannot be a TSC's rate counts as not stated.
void stated_rates_read(struct stated_rates *rates);

// Who states it: "CPUID 15H".
const char *stated_rate_name(enum stated_rate rate);

// Whether two rates differ by at most 1 %.
bool stated_rates_agree(uint64_t hz, uint64_t other_hz);
