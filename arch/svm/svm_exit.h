// SPDX-License-Identifier: MIT
// A #VMEXIT, from its exit code to the next VMRUN.
#pragma once

struct vcpu_core;

// svm_enter.asm calls this after each exit. It then enters the guest again unless vcpu->work says
// otherwise.
void svm_handle_exit(struct vcpu_core *vcpu);
