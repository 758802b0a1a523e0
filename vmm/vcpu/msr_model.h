// SPDX-License-Identifier: MIT
// MSRs of a CPU's model, which no CPUID bit announces. Kernels that know the model use them without
// asking. A guest finds what a CPU with nothing to control would have.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

#define MSR_MODEL_KEPT 16 // how many of them read as they were written

struct msr_model_state {
    uint64_t kept[MSR_MODEL_KEPT];
};

// False: the CPU does not have the MSR, or Husk does not know it. What is written has no effect;
// some MSRs keep it.
bool msr_model_read(const struct vcpu *vcpu, uint32_t msr, uint64_t *value);
bool msr_model_write(struct vcpu *vcpu, uint32_t msr, uint64_t value);
