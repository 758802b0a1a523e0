// SPDX-License-Identifier: MIT
// The blocking of NMIs, and the boundary at which the next one is delivered.
//
// A CPU with virtual NMIs (APM Vol. 2 15.21.10) blocks a guest's NMIs while a handler runs, and
// keeps one that comes meanwhile. On other CPUs the IRET of the handler exits. An NMI that waits
// must come right behind that IRET. So the guest executes the IRET as a single step, whose trap
// exits. The guest never sees the step: IRET loads RFLAGS, and each exception that IRET may raise
// exits, so none of them pushes TF.
#include "arch/svm/svm_nmi.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define NO_RIP UINT64_MAX // no IRET is here

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

// The loop returns after this exit, or after the next one.
static void end_run(struct vcpu_core *vcpu)
{
    __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
}

// Makes svm_nmi_enter see to the NMI that waits.
static void enter_again(struct vcpu_core *vcpu)
{
    if (vcpu->backend->nmi.waits && !vcpu->backend->nmi.blocked) {
        end_run(vcpu);
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

// ---- The step over IRET ----

static void intercept_exceptions(struct vcpu_core *vcpu, bool wanted)
{
    svm_intercepts_set(vcpu, CAUSE_NMI_STEP, wanted);
    svm_intercepts_set(vcpu, CAUSE_PAGE_FAULT, wanted || vcpu->backend->probe_pages);
}

static void set_dr6(struct vcpu_core *vcpu, uint64_t value)
{
    vcpu->backend->vmcb.save.dr6 = value;
    svm_mark_dirty(vcpu, CLEAN_DR);
}

// DR6 begins without causes, so that it says at the trap which ones the IRET has met. The run ends
// at the next exit, whatever its cause.
static void begin_step(struct vcpu_core *vcpu)
{
    struct svm_nmi *nmi = &vcpu->backend->nmi;
    struct vmcb_save *save = &vcpu->backend->vmcb.save;
    nmi->steps = true;
    nmi->own_tf = save->rflags & RFLAGS_TF;
    nmi->own_dr6 = save->dr6;
    save->rflags |= RFLAGS_TF;
    set_dr6(vcpu, save->dr6 & ~(uint64_t)DR6_CAUSES);
    intercept_exceptions(vcpu, true);
    end_run(vcpu);
}

static void end_step(struct vcpu_core *vcpu)
{
    vcpu->backend->nmi.steps = false;
    intercept_exceptions(vcpu, false);
}

// IRET is done, and has loaded RFLAGS. The trap is the guest's if the guest had TF set, or if the
// IRET has read a watched stack.
bool svm_nmi_stepped(struct vcpu_core *vcpu)
{
    struct svm_nmi *nmi = &vcpu->backend->nmi;
    uint64_t met = vcpu->backend->vmcb.save.dr6 & DR6_CAUSES;
    if (!nmi->steps) {
        return false;
    }
    end_step(vcpu);
    nmi->iret_rip = NO_RIP;
    met &= nmi->own_tf ? DR6_CAUSES : DR6_BREAKPOINTS;
    if (!met && !nmi->own_tf) {
        set_dr6(vcpu, nmi->own_dr6);
        return true;
    }
    set_dr6(vcpu, (nmi->own_dr6 & ~(uint64_t)DR6_BREAKPOINTS) | met);
    return false;
}

// The exit came before the IRET was done, or instead of it.
void svm_nmi_undo_step(struct vcpu_core *vcpu)
{
    const struct svm_nmi *nmi = &vcpu->backend->nmi;
    struct vmcb_save *save = &vcpu->backend->vmcb.save;
    save->rflags = (save->rflags & ~(uint64_t)RFLAGS_TF) | nmi->own_tf;
    set_dr6(vcpu, nmi->own_dr6);
    end_step(vcpu);
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
        // VMRUN delivers the event. The interrupt makes the guest exit right behind that.
        apic_send_fixed(cpu_this()->apic_id, VECTOR_NUDGE);
        end_run(vcpu);
        return 0;
    }
    if (nmi->iret_rip == vmcb->save.rip) {
        begin_step(vcpu);
        return 0;
    }
    uint64_t hold_ns = HOLD_NS << nmi->holds;
    nmi->holds = MIN(nmi->holds + 1, HOLDS_MAX);
    return hold_ns;
}
