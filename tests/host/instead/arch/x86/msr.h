// SPDX-License-Identifier: MIT
// RDMSR and WRMSR for host tests: those that survive ask the processor of fake_cpu.h, the test has
// the others.
#pragma once

#include "vmm/util/types.h"

uint64_t rdmsr(uint32_t msr);
void wrmsr(uint32_t msr, uint64_t value);
bool rdmsr_safe(uint32_t msr, uint64_t *value) MUST_CHECK;
bool wrmsr_safe(uint32_t msr, uint64_t value) MUST_CHECK;
