// SPDX-License-Identifier: MIT
// Address space identifiers, and flushing what is cached under them (APM Vol. 2 15.16).
#pragma once

#include "arch/svm/svm.h"
#include "arch/svm/vmcb.h"

struct vcpu_core;

// AMD-V is switched on, on the CPU with this index, which calls it: no ASID of before counts.
void svm_tlb_begin(unsigned cpu);
// The vCPU is on this CPU now, and the CPU calls the functions below. What another CPU knows of the
// vCPU means nothing here: no ASID, no clean bit (APM Vol. 2 15.15.2).
void svm_tlb_move(struct vcpu_core *vcpu, unsigned cpu);
// Right before the guest runs: gives it an ASID of the CPU's generation, and has stale translations
// flushed.
void svm_tlb_prepare(struct vcpu_core *vcpu);
// The next VMRUN finds none of the guest's translations.
void svm_tlb_flush(struct vcpu_core *vcpu);
// After an exit: VMRUN has flushed what it was told to.
static inline void svm_tlb_flushed(struct backend_vcpu *backend)
{
    backend->vmcb.control.tlb_control = TLB_FLUSH_NOTHING;
}
