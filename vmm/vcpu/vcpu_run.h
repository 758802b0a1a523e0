// SPDX-License-Identifier: MIT
// The outer loop of a vCPU.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Whether the vCPU could run now: it is not halted, or an interrupt has come for it.
bool vcpu_runnable(struct vcpu *vcpu);

// Runs the vCPU until the host has work, its slice ends, it halts or its VM is no longer running.
void vcpu_run(struct vcpu *vcpu, uint64_t slice_end_ns);
