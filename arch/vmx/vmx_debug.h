// SPDX-License-Identifier: MIT
// Single steps for a debugger: REG_STEP.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

void vmx_debug_step(struct vcpu_core *vcpu, enum step step);
bool vmx_debug_stepped(const struct vcpu_core *vcpu);
// At an exit for an exception, in a step that sets TF. `causes` is what a #DB has met. True: the
// exception is none of the guest's. False: `causes` is what the guest is to see.
bool vmx_debug_exception(struct vcpu_core *vcpu, uint8_t vector, uint64_t *causes);
