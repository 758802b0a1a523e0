// SPDX-License-Identifier: MIT
// The shadow of STI and MOV SS on a machine whose VMRUN does not load it.
#pragma once

#include "vmm/util/types.h"

struct vcpu_core;

// Before and after the guest runs. svm_shadow_hold returns after how many ns the guest must come
// back, because an interrupt may wait for the end of the shadow and the window for it is closed
// until then; 0: that is not so.
uint64_t svm_shadow_hold(struct vcpu_core *vcpu);
void svm_shadow_release(struct vcpu_core *vcpu);
