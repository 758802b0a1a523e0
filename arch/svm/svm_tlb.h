// SPDX-License-Identifier: MIT
// Address space identifiers, and flushing what is cached under them (APM Vol. 2 15.16).
#pragma once

#include "arch/svm/svm.h"

// The ASIDs of one CPU. A generation uses each of them once, and begins with a flush of them all.
struct svm_asids {
    uint64_t generation; // 0: AMD-V was never on
    uint32_t next;
    bool stale; // the flush of them all is still to come: who began the generation may never run
};

// When AMD-V is switched on, and when the ASIDs are used up: a new generation.
void svm_tlb_begin(struct svm_asids *asids);
// The vCPU is on this CPU now. What another one knows of it means nothing here: no ASID, no clean
// bit (APM Vol. 2 15.15.2).
void svm_tlb_move(struct vcpu_core *vcpu, unsigned cpu);
// Right before the guest runs: it has an ASID of the CPU's generation, and nothing stale is cached.
void svm_tlb_prepare(struct vcpu_core *vcpu);
// The next VMRUN finds none of the guest's translations.
void svm_tlb_flush(struct vcpu_core *vcpu);
// After an exit: VMRUN has flushed what it was told to.
static inline void svm_tlb_flushed(struct backend_vcpu *backend)
{
    backend->vmcb.control.tlb_control = TLB_FLUSH_NOTHING;
}
