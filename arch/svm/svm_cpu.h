// SPDX-License-Identifier: MIT
// AMD-V on this CPU, and which vCPU the CPU holds.
#pragma once

#include "vmm/util/status.h"

struct vcpu_core;
struct vector;

enum status svm_enable_cpu(struct reason *why);
void svm_disable_cpu(void);
// Makes the vCPU the CPU's current one.
void svm_load_vcpu(struct vcpu_core *vcpu);
// Before another CPU loads the vCPU, or before it is freed.
void svm_unload_vcpu(struct vcpu_core *vcpu);
// A vector register (struct vector_ops).
void svm_get_vector(struct vcpu_core *vcpu, unsigned number, struct vector *value);
void svm_set_vector(struct vcpu_core *vcpu, unsigned number, const struct vector *value);
