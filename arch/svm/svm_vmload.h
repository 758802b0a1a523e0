// SPDX-License-Identifier: MIT
// The guest state of VMLOAD and VMSAVE: FS, GS, LDTR, TR, and the SYSCALL and SYSENTER MSRs.
#pragma once

struct vcpu_core;

// While the vCPU runs, this state is in the CPU, and the VMCB has an old copy. Fetch it before the
// VMCB's fields are read. Before a change fetch it too, and store it after.
void svm_fetch_state(const struct vcpu_core *vcpu);
void svm_store_state(const struct vcpu_core *vcpu);
