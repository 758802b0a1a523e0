// SPDX-License-Identifier: MIT
// The outer loop of a vCPU.
#pragma once

#include "vmm/util/types.h"

struct vcpu;

// Whether the vCPU can run now: it does not halt or wait for a SIPI, or something has ended that.
bool vcpu_runnable(struct vcpu *vcpu);

// Runs the vCPU until the host has work, `end_ns` comes, it halts or its VM no longer wants to run.
// If it is halted at the beginning, its devices get a turn, which may wake it.
void vcpu_run(struct vcpu *vcpu, uint64_t end_ns);
