// SPDX-License-Identifier: MIT
// The processor of host tests: what CPUID and RDMSR answer, leaf by leaf and MSR by MSR.
#pragma once

#include "arch/x86/cpuid_bits.h"
#include "vmm/util/types.h"

// Takes everything away: all leaves are zeros, and all MSRs fault.
void fake_cpu_init(void);
// Vendor as CPUID spells it ("GenuineIntel"), and EAX of leaf 1.
void fake_cpu_set_model(const char *vendor, uint32_t signature);
void fake_cpu_set_leaf(uint32_t leaf, struct cpuid_registers registers);
void fake_cpu_set_msr(uint32_t msr, uint64_t value);
// From now on this MSR keeps its value: WRMSR faults, or does nothing.
void fake_cpu_lock_msr(uint32_t msr, bool faults);
// CPUID leaf 1 puts this revision of the microcode into IA32_BIOS_SIGN_ID.
void fake_cpu_set_microcode(uint32_t revision);
