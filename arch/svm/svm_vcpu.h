// SPDX-License-Identifier: MIT
// A vCPU's VMCB, made and given back.
#pragma once

#include "vmm/util/status.h"

struct vcpu_core;

enum status svm_create_vcpu(struct vcpu_core *vcpu, struct reason *why);
void svm_destroy_vcpu(struct vcpu_core *vcpu);
