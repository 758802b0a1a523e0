// SPDX-License-Identifier: MIT
// Events into the guest at the next VMRUN (APM Vol. 2 15.20), and the window for an interrupt.
#include "arch/svm/svm_inject.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

// If QEMU's emulation of this CPU is interrupted before the next #VMEXIT, it may deliver the
// guest's interrupt a second time, inside the interrupt's own handler. So Husk sends itself an
// interrupt, which brings that #VMEXIT at once.
void svm_nudge(const struct backend_vcpu *backend)
{
    uint64_t event = backend->vmcb.control.eventinj;
    enum eventinj_type type = event >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    if (type == EVENTINJ_INTERRUPT && svm_capability()->is_qemu_tcg) {
        apic_send_fixed(cpu_this()->apic_id, VECTOR_NUDGE);
    }
}

// While GIF is set, Husk itself would take what it sends: there svm_load_guest sends it.
static void place_event(struct vcpu_core *vcpu, uint64_t eventinj)
{
    vcpu->backend->vmcb.control.eventinj = eventinj;
    if (vcpu->backend->state_in_cpu) {
        svm_nudge(vcpu->backend);
    }
}

static NOT_INLINE bool inject_nmi(struct vcpu_core *vcpu)
{
    if (svm_event_waits(vcpu) || svm_shadow(vcpu)) {
        return svm_nmi_keep(vcpu);
    }
    place_event(vcpu, VECTOR_NMI | (uint64_t)EVENTINJ_NMI << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID);
    svm_nmi_injected(vcpu);
    return true;
}

bool svm_inject(struct vcpu_core *vcpu, const struct event *event)
{
    if (event->type == EVENT_NMI) {
        return inject_nmi(vcpu);
    }
    enum eventinj_type type = EVENTINJ_INTERRUPT;
    if (event->type == EVENT_EXCEPTION) {
        if (vcpu->backend->vmcb.control.eventinj & EVENTINJ_VALID) {
            return false;
        }
        type = EVENTINJ_EXCEPTION;
    }
    if (event->type == EVENT_SOFTWARE) { // the delivery pushes RIP, or NEXT_RIP if there is one
        vcpu->backend->vmcb.save.rip += event->length;
        vcpu->backend->vmcb.control.next_rip = vcpu->backend->vmcb.save.rip;
        type = EVENTINJ_SOFTWARE;
    }
    uint64_t eventinj = event->vector | (uint64_t)type << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID;
    // Exceptions have no error code in real mode.
    if (event->has_error_code && (vcpu->backend->vmcb.save.cr0 & CR0_PE)) {
        eventinj |= EVENTINJ_ERROR_CODE | (uint64_t)event->error_code << EVENTINJ_ERROR_CODE_SHIFT;
    }
    place_event(vcpu, eventinj);
    return true;
}

// The injection sets no bit of DR6 and clears none of DR7 (15.20), as a delivery does.
void svm_add_trap(struct vcpu_core *vcpu, uint64_t causes)
{
    const struct event trap = {.type = EVENT_EXCEPTION, .vector = VECTOR_DB};
    struct vmcb_save *save = &vcpu->backend->vmcb.save;
    save->dr6 |= causes;
    save->dr7 &= ~(uint64_t)DR7_GD;
    svm_mark_dirty(vcpu, CLEAN_DR);
    (void)svm_inject(vcpu, &trap);
}

void svm_forget_event(struct vcpu_core *vcpu)
{
    vcpu->backend->vmcb.control.eventinj = 0;
    svm_nmi_forget(vcpu);
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
void svm_requeue_cut_event(struct vcpu_core *vcpu)
{
    uint64_t event = vcpu->backend->vmcb.control.exitintinfo;
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
}
