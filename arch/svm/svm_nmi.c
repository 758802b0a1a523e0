// SPDX-License-Identifier: MIT
// The blocking of NMIs, and the boundary at which the next one is delivered.
//
// A CPU with virtual NMIs (APM Vol. 2 15.21.10) blocks a guest's NMIs while a handler runs, and
// keeps one that comes meanwhile. On other CPUs the IRET of the handler exits. An NMI that waits
// must come right behind that IRET. So the guest executes the IRET as a single step (svm_step.c).
#include "arch/svm/svm_nmi.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_step.h"
#include "arch/svm/vmcb.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

static bool has_virtual_nmis(void)
{
    return svm_capability()->features & SVM_VIRTUAL_NMI;
}

void svm_nmi_create_vcpu(struct vcpu_core *vcpu)
{
    svm_set_v_intr(vcpu, V_NMI_ENABLE, has_virtual_nmis() ? V_NMI_ENABLE : 0);
    svm_nmi_block(vcpu, false);
}

void svm_nmi_block(struct vcpu_core *vcpu, bool blocked)
{
    struct svm_nmi *nmi = &vcpu->backend->nmi;
    bool by_iret = blocked && !has_virtual_nmis();
    svm_set_v_intr(vcpu, V_NMI_MASK, blocked && !by_iret ? V_NMI_MASK : 0);
    nmi->blocked = by_iret;
    nmi->iret_rip = NO_RIP;
    nmi->holds = 0;
    svm_intercepts_set(vcpu, CAUSE_NMI_HANDLER, by_iret);
}

// With virtual NMIs, VMRUN sets V_NMI_MASK itself when it delivers EVENTINJ.
void svm_nmi_injected(struct vcpu_core *vcpu)
{
    if (!has_virtual_nmis()) {
        svm_nmi_block(vcpu, true);
    }
}

bool svm_nmi_keep(struct vcpu_core *vcpu)
{
    if (!has_virtual_nmis()) {
        return false;
    }
    svm_set_v_intr(vcpu, V_NMI, V_NMI);
    return true;
}

void svm_nmi_forget(struct vcpu_core *vcpu)
{
    svm_set_v_intr(vcpu, V_NMI, 0);
}

// Makes svm_nmi_enter see to the NMI that waits.
static void enter_again(struct vcpu_core *vcpu)
{
    if (vcpu->backend->nmi.waits && !vcpu->backend->nmi.blocked) {
        svm_end_run(vcpu);
    }
}

void svm_nmi_at_iret(struct vcpu_core *vcpu)
{
    svm_nmi_block(vcpu, false);
    vcpu->backend->nmi.iret_rip = vcpu->backend->vmcb.save.rip;
    enter_again(vcpu);
}

void svm_request_nmi_window(struct vcpu_core *vcpu)
{
    vcpu->backend->nmi.waits = true;
    enter_again(vcpu);
}

// In the shadow of MOV SS the guest runs for a moment before the NMI is tried again, each time for
// twice as long.
#define HOLD_NS 20000ULL
#define HOLDS_MAX 7U
uint64_t svm_nmi_approach(struct vcpu_core *vcpu)
{
    struct svm_nmi *nmi = &vcpu->backend->nmi;
    const struct vmcb *vmcb = &vcpu->backend->vmcb;
    if (nmi->blocked) {
        return 0; // the IRET exits
    }
    nmi->waits = false;
    if (vmcb->control.eventinj & EVENTINJ_VALID) {
        svm_step_delivery(vcpu);
        return 0;
    }
    if (nmi->iret_rip == vmcb->save.rip) {
        svm_step_begin(vcpu, true);
        return 0;
    }
    uint64_t hold_ns = HOLD_NS << nmi->holds;
    nmi->holds = MIN(nmi->holds + 1, HOLDS_MAX);
    return hold_ns;
}
