// SPDX-License-Identifier: MIT
// What a vCPU's VMCB intercepts, and for which causes.
#pragma once

#include "arch/svm/svm.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// Each cause stands for some intercepts, which no other cause has. Several causes may hold at once.
enum svm_cause {
    CAUSE_ALWAYS,           // every vCPU has these intercepts
    CAUSE_PAUSE_FILTER,     // the CPU counts PAUSEs
    CAUSE_CR0_HIDDEN,       // the guest would read a wrong CR0: all reads and writes exit
    CAUSE_CR4_HIDDEN,       // the guest would read a wrong CR4: reads exit
    CAUSE_CR8_IN_MODEL,     // AVIC does not serve the local APIC: the task priority is the model's
    CAUSE_INTERRUPT_WINDOW, // the delivery of a virtual interrupt exits
    CAUSE_NMI_HANDLER,      // the guest runs an NMI's handler: its IRET exits
    CAUSE_STEP,             // the guest makes a single step: its exceptions exit (svm_step.c)
    CAUSE_DEBUG_REGISTER,   // the guest's next write of DR7 exits
    CAUSE_PAGE_FAULT,       // page faults exit: there is a step, or a probe (svm_probe.c)
    CAUSE_COUNT
};

static inline bool svm_intercepts_has(const struct vcpu_core *vcpu, enum svm_cause cause)
{
    return vcpu->backend->causes & BIT(cause);
}

// The cause begins to hold, or holds no longer. No other function writes the intercepts.
void svm_intercepts_flip(struct vcpu_core *vcpu, enum svm_cause cause);

static inline void svm_intercepts_set(struct vcpu_core *vcpu, enum svm_cause cause, bool holds)
{
    if (svm_intercepts_has(vcpu, cause) != holds) {
        svm_intercepts_flip(vcpu, cause);
    }
}
