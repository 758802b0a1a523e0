// SPDX-License-Identifier: MIT
// A single step of the guest, by RFLAGS.TF, which the guest does not see.
#pragma once

#include "arch/svm/svm.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define NO_RIP UINT64_MAX // struct svm_nmi.iret_rip: no IRET is here

// The loop returns after this exit, or after the next one.
static inline void svm_end_run(struct vcpu_core *vcpu)
{
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
}

// The guest executes one instruction at the next entry, if it is not to do so already. No event may
// wait.
void svm_step_begin(struct vcpu_core *vcpu, bool loads_flags);
// The guest exits at the next entry when the event is delivered that waits.
void svm_step_delivery(struct vcpu_core *vcpu);
// At a #DB. True: it is the trap of a step, and none of the guest's.
bool svm_step_trapped(struct vcpu_core *vcpu);
// For svm_step_leave.
void svm_step_undo(struct vcpu_core *vcpu);

// Whether RFLAGS.TF is that of a step, and the guest has it clear.
static inline bool svm_step_has_tf(const struct vcpu_core *vcpu)
{
    return vcpu->backend->step.runs && !vcpu->backend->step.own_tf;
}

// After the guest has run.
static inline void svm_step_leave(struct vcpu_core *vcpu)
{
    if (vcpu->backend->step.runs) {
        svm_step_undo(vcpu);
    }
}
