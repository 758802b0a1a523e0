// SPDX-License-Identifier: MIT
// The guest state of VMLOAD and VMSAVE, which svm_run loads once for many exits.
#include "arch/svm/svm_vmload.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_instructions.h"
#include "vmm/backend.h"

void svm_fetch_state(const struct vcpu_core *vcpu)
{
    if (vcpu->backend->state_in_cpu) {
        svm_vmsave(vcpu->backend->vmcb_physical);
    }
}

void svm_store_state(const struct vcpu_core *vcpu)
{
    if (vcpu->backend->state_in_cpu) {
        svm_vmload(vcpu->backend->vmcb_physical);
    }
}
