// SPDX-License-Identifier: MIT
// The blocking of NMIs, and the boundary at which the next one is delivered.
#pragma once

#include "arch/svm/svm.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// A new vCPU: no NMI is blocked.
void svm_nmi_create_vcpu(struct vcpu_core *vcpu);
// The guest begins an NMI's handler, or has ended it.
void svm_nmi_block(struct vcpu_core *vcpu, bool blocked);
// The next entry delivers an NMI.
void svm_nmi_injected(struct vcpu_core *vcpu);
// Leaves an NMI to the CPU, which keeps one. False: this CPU has no virtual NMIs.
bool svm_nmi_keep(struct vcpu_core *vcpu);
// Drops the NMI that the CPU keeps.
void svm_nmi_forget(struct vcpu_core *vcpu);
// The handler is at its IRET, which exits.
void svm_nmi_at_iret(struct vcpu_core *vcpu);
void svm_request_nmi_window(struct vcpu_core *vcpu);
// For svm_nmi_enter.
uint64_t svm_nmi_approach(struct vcpu_core *vcpu);

static inline bool svm_nmi_blocked(const struct vcpu_core *vcpu)
{
    const struct backend_vcpu *backend = vcpu->backend;
    return backend->nmi.blocked || backend->nmi.iret_rip == backend->vmcb.save.rip ||
           (backend->vmcb.control.v_intr & V_NMI_MASK);
}

// Whether the CPU delivers an NMI that it keeps as soon as the guest runs.
static inline bool svm_nmi_waits(const struct vcpu_core *vcpu)
{
    return (vcpu->backend->vmcb.control.v_intr & (V_NMI | V_NMI_MASK)) == V_NMI;
}

// Before the guest runs: after how many ns it must come back, because an NMI waits; 0: none waits.
static inline uint64_t svm_nmi_enter(struct vcpu_core *vcpu)
{
    return vcpu->backend->nmi.waits ? svm_nmi_approach(vcpu) : 0;
}
