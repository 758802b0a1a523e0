// SPDX-License-Identifier: MIT
// Events into the guest at the next VMRUN (APM Vol. 2 15.20), and the window for an interrupt.
#include "arch/svm/svm_inject.h"

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
#include "vmm/exit.h"
#include "vmm/util/types.h"

static enum eventinj_type type_of(const struct event *event)
{
    switch (event->type) {
    case EVENT_INTERRUPT:
        return EVENTINJ_INTERRUPT;
    case EVENT_NMI:
        return EVENTINJ_NMI;
    case EVENT_EXCEPTION:
        break;
    }
    return EVENTINJ_EXCEPTION;
}

// If QEMU's emulation of this CPU is interrupted before the next #VMEXIT, it may deliver the
// guest's interrupt a second time, inside the interrupt's own handler. So Husk sends itself an
// interrupt, which brings that #VMEXIT at once.
static void place_event(struct vcpu_core *vcpu, uint64_t eventinj)
{
    vcpu->backend->vmcb.control.eventinj = eventinj;
    enum eventinj_type type = eventinj >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    if (type == EVENTINJ_INTERRUPT && svm_capability()->is_qemu_tcg) {
        apic_send_fixed(cpu_this()->apic_id, VECTOR_NUDGE);
    }
}

#define NO_RIP UINT64_MAX // no IRET is here

void svm_block_nmis(struct vcpu_core *vcpu, bool blocked)
{
    vcpu->backend->nmi_blocked = blocked;
    vcpu->backend->nmi_iret_rip = NO_RIP;
    vcpu->backend->nmi_holds = 0;
    svm_intercepts_set(vcpu, CAUSE_NMI_HANDLER, blocked);
}

// The hardware does not block NMIs for a guest.
uint64_t svm_shadow(const struct vcpu_core *vcpu)
{
    const struct backend_vcpu *backend = vcpu->backend;
    bool nmi_blocked = backend->nmi_blocked || backend->nmi_iret_rip == backend->vmcb.save.rip;
    return (backend->vmcb.control.interrupt_shadow & 1 ? SHADOW_STI : 0) |
           (nmi_blocked ? SHADOW_NMI : 0);
}

bool svm_inject(struct vcpu_core *vcpu, const struct event *event)
{
    struct vmcb *vmcb = &vcpu->backend->vmcb;
    if ((vmcb->control.eventinj & EVENTINJ_VALID) ||
        (event->type == EVENT_NMI && svm_shadow(vcpu))) {
        return false;
    }
    uint64_t eventinj =
        event->vector | (uint64_t)type_of(event) << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID;
    // Exceptions have no error code in real mode.
    if (event->has_error_code && (vmcb->save.cr0 & CR0_PE)) {
        eventinj |= EVENTINJ_ERROR_CODE | (uint64_t)event->error_code << EVENTINJ_ERROR_CODE_SHIFT;
    }
    place_event(vcpu, eventinj);
    if (event->type == EVENT_NMI) {
        svm_block_nmis(vcpu, true);
    }
    return true;
}

void svm_forget_event(struct vcpu_core *vcpu)
{
    vcpu->backend->vmcb.control.eventinj = 0;
}

// Makes the loop return, so that svm_run lets the guest run for a moment.
static void run_for_nmi(struct vcpu_core *vcpu)
{
    if (vcpu->backend->nmi_waits && !vcpu->backend->nmi_blocked) {
        __atomic_or_fetch(&vcpu->work, WORK_ENTRY, __ATOMIC_RELAXED);
    }
}

void svm_end_nmi(struct vcpu_core *vcpu)
{
    svm_block_nmis(vcpu, false);
    vcpu->backend->nmi_iret_rip = vcpu->backend->vmcb.save.rip;
    run_for_nmi(vcpu);
}

// AMD-V has no window for NMIs. The IRET of an NMI's handler exits, and then the guest must execute
// it. Or another event is delivered first. In both cases the guest runs for a moment before the NMI
// is tried again, each time for twice as long.
#define NMI_HOLD_NS 20000ULL
#define NMI_HOLDS_MAX 7U

void svm_request_nmi_window(struct vcpu_core *vcpu)
{
    vcpu->backend->nmi_waits = true;
    run_for_nmi(vcpu);
}

uint64_t svm_nmi_hold(struct vcpu_core *vcpu)
{
    struct backend_vcpu *backend = vcpu->backend;
    if (!backend->nmi_waits || backend->nmi_blocked) {
        return 0;
    }
    backend->nmi_waits = false;
    uint64_t hold_ns = NMI_HOLD_NS << backend->nmi_holds;
    backend->nmi_holds = MIN(backend->nmi_holds + 1, NMI_HOLDS_MAX);
    return hold_ns;
}

// The window is a virtual interrupt of the highest priority: its delivery exits.
void svm_request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    uint64_t request = V_IRQ | V_INTR_PRIORITY_MAX | V_IGN_TPR;
    if (svm_intercepts_has(vcpu, CAUSE_INTERRUPT_WINDOW) == wanted) {
        return;
    }
    svm_set_v_intr(vcpu, request, wanted ? request : 0);
    svm_intercepts_set(vcpu, CAUSE_INTERRUPT_WINDOW, wanted);
}

enum exit_delivery svm_delivery(const struct vmcb_control *control)
{
    uint64_t event = control->exitintinfo;
    if (!(event & EVENTINJ_VALID)) {
        return DELIVERY_NONE;
    }
    enum eventinj_type type = event >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    return type == EVENTINJ_EXCEPTION && (event & EVENTINJ_VECTOR_MASK) == VECTOR_DF
               ? DELIVERY_DOUBLE_FAULT
               : DELIVERY_OTHER;
}

// Delivers an event again whose delivery the exit has cut short (15.7.2). EXITINTINFO and EVENTINJ
// have the same layout. Events of INT n, INT3 and INTO come again by themselves, as RIP is still at
// the instruction. EVENTINJ pushes RF as RFLAGS has it, and a fault pushes it set.
bool svm_requeue_event(struct vcpu_core *vcpu)
{
    uint64_t event = vcpu->backend->vmcb.control.exitintinfo;
    if (!(event & EVENTINJ_VALID)) {
        return false;
    }
    enum eventinj_type type = event >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    uint8_t vector = event & EVENTINJ_VECTOR_MASK;
    bool by_instruction =
        type == EVENTINJ_SOFTWARE ||
        (type == EVENTINJ_EXCEPTION && (vector == VECTOR_BP || vector == VECTOR_OF));
    if (type == EVENTINJ_EXCEPTION && !(EXCEPTIONS_NO_FAULTS & BIT(vector))) {
        vcpu->backend->vmcb.save.rflags |= RFLAGS_RF;
    }
    if (!by_instruction) {
        place_event(vcpu, event);
    }
    return true;
}
