// SPDX-License-Identifier: MIT
// The shadow of STI and MOV SS on a machine whose VMRUN does not load it.
#pragma once

#include "vmm/util/types.h"

struct vcpu_core;

// Before the guest runs: closes the window for interrupts, if the guest is in a shadow. Then the
// guest must come back after the returned number of ns, as an interrupt may wait; 0: there is no
// shadow.
uint64_t svm_shadow_hold(struct vcpu_core *vcpu);
// After the guest has run: the shadow goes on if the guest has not executed its instruction.
void svm_shadow_release(struct vcpu_core *vcpu);
