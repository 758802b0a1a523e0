// SPDX-License-Identifier: MIT
// VMRUN in assembly: svm_enter.asm.
#pragma once

struct vcpu_core;

// Enters the guest and stays with it until vcpu->work is not 0 after an exit.
void svm_enter(struct vcpu_core *vcpu);
// Where the host goes on after each #VMEXIT.
extern const char svm_exited[];
