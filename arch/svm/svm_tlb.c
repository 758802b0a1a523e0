// SPDX-License-Identifier: MIT
// Gives out ASIDs, and flushes no more than needed, as far as this CPU can.
#include "arch/svm/svm_tlb.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/cpu.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// A generation uses each ASID once, and begins with a flush of them all.
struct asids {
    uint64_t generation; // 0: AMD-V was never on
    uint32_t next;
    bool stale; // no VMRUN has flushed yet: the vCPU that began the generation may never run
};

static struct asids cpus[CPUS_MAX]; // each CPU touches its own only

static struct asids *asids_of(const struct vcpu_core *vcpu)
{
    return &cpus[vcpu->backend->cpu];
}

static void begin_generation(struct asids *asids)
{
    asids->generation++;
    asids->next = 1;
    asids->stale = true;
}

void svm_tlb_begin(unsigned cpu)
{
    begin_generation(&cpus[cpu]);
}

// Under a new ASID the CPU has no cached state of the VMCB either.
static void take_asid(struct vcpu_core *vcpu, struct asids *asids)
{
    struct vmcb_control *control = &vcpu->backend->vmcb.control;
    if (asids->next >= svm_capability()->asids) {
        begin_generation(asids);
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
        take_asid(vcpu, asids_of(vcpu));
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
    struct asids *asids = asids_of(vcpu);
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
        asids->stale = false; // the VMRUN that follows flushes
    }
}
