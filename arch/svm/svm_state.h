// SPDX-License-Identifier: MIT
// Guest registers. The vCPU is the CPU's current one.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

uint64_t svm_get_register(const struct vcpu_core *vcpu, enum guest_register which);
void svm_set_register(struct vcpu_core *vcpu, enum guest_register which, uint64_t value);
// The guest owns all of CR0, until svm_take_back_cr0. For an instruction that Husk does not decode.
void svm_give_cr0(struct vcpu_core *vcpu);
// Ends svm_give_cr0, if the guest was given CR0.
void svm_take_back_cr0(struct vcpu_core *vcpu);
