// SPDX-License-Identifier: MIT
// VT-x on this CPU, and the vCPU that the CPU holds.
#pragma once

#include "vmm/util/status.h"

struct vcpu_core;
struct vector;

// On failure `why` names the missing feature or the refusing bit.
enum status vmx_enable_cpu(struct reason *why);
void vmx_disable_cpu(void);
void vmx_load_vcpu(struct vcpu_core *vcpu); // makes it the CPU's current one
// Takes the vCPU's state out of this CPU: before another CPU loads the vCPU, and before it is
// freed.
void vmx_unload_vcpu(struct vcpu_core *vcpu);
// A vector register (struct vector_ops).
void vmx_get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value);
void vmx_set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value);
