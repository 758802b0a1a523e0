// SPDX-License-Identifier: MIT
// Single steps for a debugger: REG_STEP.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

void svm_debug_step(struct vcpu_core *vcpu, enum step step);
bool svm_debug_stepped(const struct vcpu_core *vcpu);
