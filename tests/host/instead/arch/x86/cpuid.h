// SPDX-License-Identifier: MIT
// The CPUID instruction for host tests: it asks the processor of fake_cpu.h.
#pragma once

#include "arch/x86/cpuid_bits.h" // IWYU pragma: export
#include "vmm/util/types.h"

struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf);
struct cpuid_registers cpuid_checked(uint32_t leaf, uint32_t subleaf);
