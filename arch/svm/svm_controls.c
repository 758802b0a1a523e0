// SPDX-License-Identifier: MIT
// The controls of the VMCB that several files change.
#include "arch/svm/svm_controls.h"

#include "arch/svm/svm.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/frames.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

void svm_set_v_intr(struct vcpu_core *vcpu, uint64_t mask, uint64_t value)
{
    uint64_t *v_intr = &vcpu->backend->vmcb.control.v_intr;
    uint64_t next = (*v_intr & ~mask) | (value & mask);
    if (next != *v_intr) {
        *v_intr = next;
        svm_mark_dirty(vcpu, CLEAN_V_INTR);
    }
}

void svm_set_nested_root(struct vcpu_core *vcpu, const void *root)
{
    vcpu->backend->vmcb.control.nested_cr3 = frames_physical(root);
    svm_mark_dirty(vcpu, CLEAN_NESTED);
}

void svm_set_msr_map(struct vcpu_core *vcpu, const uint8_t *msr_map)
{
    vcpu->backend->vmcb.control.msrpm_base = frames_physical(msr_map);
    svm_mark_dirty(vcpu, CLEAN_PERMISSION_MAPS);
}
