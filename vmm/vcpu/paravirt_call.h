// SPDX-License-Identifier: MIT
// KVM's hypercalls.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Carries out call number `number` with the arguments in the vCPU's registers, and returns its
// result: 0 or more, or a negative KVM_ERROR_*.
uint64_t paravirt_call(struct vcpu *vcpu, uint64_t number);
