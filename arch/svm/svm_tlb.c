// SPDX-License-Identifier: MIT
// Gives out ASIDs and flushes by the narrowest way that this CPU has.
#include "arch/svm/svm_tlb.h"

#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_cpu.h"

void svm_tlb_begin(struct svm_asids *asids)
{
    asids->generation++;
    asids->next = 1;
    asids->stale = true;
}

// A new ASID has no state of the VMCB in the CPU either.
static void take_asid(struct vcpu_core *vcpu, struct svm_asids *asids)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (asids->next >= svm_capability()->asids) {
        svm_tlb_begin(asids);
    }
    if (asids->stale) {
        control->tlb_control = TLB_FLUSH_ALL;
    }
    control->asid = asids->next++;
    svm_mark_dirty(vcpu, CLEAN_ALL);
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

void svm_tlb_move(struct vcpu_core *vcpu, unsigned cpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (backend->cpu != cpu) {
        backend->cpu = cpu;
        backend->asid_generation = 0;
    }
}

void svm_tlb_prepare(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    struct svm_asids *asids = svm_asids();
    uint64_t nested_generation = __atomic_load_n(&vcpu->nested->generation, __ATOMIC_ACQUIRE);
    if (backend->asid_generation != asids->generation) {
        take_asid(vcpu, asids);
    }
    if (backend->nested_generation != nested_generation) {
        backend->nested_generation = nested_generation;
        svm_tlb_flush(vcpu);
    }
    if (asids->stale) {
        backend->vmcb.control.tlb_control = TLB_FLUSH_ALL;
        asids->stale = false; // VMRUN follows
    }
}
