// SPDX-License-Identifier: MIT
// Steal time: how long the vCPU wanted to run while its CPU did something else.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Sets MSR_KVM_STEAL_TIME to a value that has been checked, and fills the structure.
void paravirt_steal_set(struct vcpu *vcpu, uint64_t value);
// A run begins for which the vCPU has waited `waited_ns`. The VM's address space is entered, here
// and below.
void paravirt_steal_run(struct vcpu *vcpu, uint64_t waited_ns);
// A run is over, and the vCPU wants to run on.
void paravirt_steal_preempt(struct vcpu *vcpu);
