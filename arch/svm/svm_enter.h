// SPDX-License-Identifier: MIT
// VMRUN in assembly: svm_enter.asm.
#pragma once

struct vcpu_core;

// Enters the guest and stays with it until, after an exit, vcpu->work is not 0 or vcpu->exits_left
// is 0.
void svm_enter(struct vcpu_core *vcpu);
// Where the host goes on after each #VMEXIT.
extern const char svm_exited[];
