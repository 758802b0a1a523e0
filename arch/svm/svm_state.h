// SPDX-License-Identifier: MIT
// Guest registers. The vCPU is the CPU's current one.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

uint64_t svm_get_register(const struct vcpu_core *vcpu, enum guest_register which);
void svm_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
