// SPDX-License-Identifier: MIT
// Gives out ASIDs and flushes by the narrowest way that this CPU has.
#include "arch/svm/svm_tlb.h"

#include "arch/svm/svm_cpu.h"

static void take_asid(struct vcpu_core *vcpu, struct svm_asids *asids)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (asids->generation == 0 || asids->next >= svm_capability()->asids) {
        asids->generation++;
        asids->next = 1;
        control->tlb_control = TLB_FLUSH_ALL;
    }
    control->asid = asids->next++;
    control->clean &= ~(uint32_t)CLEAN_ASID;
    vcpu->backend->asid_generation = asids->generation;
}

void svm_tlb_flush(struct vcpu_core *vcpu)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (!(svm_capability()->features & SVM_FLUSH_BY_ASID)) {
        take_asid(vcpu, svm_asids());
    } else if (control->tlb_control == TLB_FLUSH_NOTHING) {
        control->tlb_control = TLB_FLUSH_ASID;
    }
}

void svm_tlb_prepare(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    struct svm_asids *asids = svm_asids();
    if (asids->generation == 0 || backend->asid_generation != asids->generation) {
        take_asid(vcpu, asids);
    }
    if (backend->nested_generation != vcpu->nested->generation) {
        backend->nested_generation = vcpu->nested->generation;
        svm_tlb_flush(vcpu);
    }
}
