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

// QEMU may deliver an interrupt once more, in its own handler, if its emulation of this CPU is
// called away before the next #VMEXIT. So that comes at once, by an interrupt of the host's.
static void place_event(struct vcpu_core *vcpu, uint64_t eventinj)
{
    vcpu->backend->vmcb.control.eventinj = eventinj;
    enum eventinj_type type = eventinj >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK;
    if (type == EVENTINJ_INTERRUPT && svm_capability()->is_qemu_tcg) {
        apic_send_fixed(cpu_this()->apic_id, VECTOR_KICK);
    }
}

#define NO_RIP UINT64_MAX // where no IRET is

void svm_block_nmis(struct vcpu_core *vcpu, bool blocked)
{
    vcpu->backend->nmi_blocked = blocked;
    vcpu->backend->nmi_iret_rip = NO_RIP;
    vcpu->backend->nmi_holds = 0;
    svm_intercepts_set(vcpu, CAUSE_NMI_HANDLER, blocked);
}

bool svm_inject(struct vcpu_core *vcpu, const struct event *event)
{
    struct vmcb *vmcb = &vcpu->backend->vmcb;
    if (vmcb->control.eventinj & EVENTINJ_VALID) {
        return false;
    }
    uint64_t eventinj =
        event->vector | (uint64_t)type_of(event) << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID;
    // In real mode exceptions have no error code.
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

// svm_run lets the guest run for a moment.
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

// There is no window for NMIs. In an NMI's handler the IRET exits; from there on, or when another
// event goes before, the guest runs for a moment, which is longer each time.
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

// A virtual interrupt of the highest priority, whose delivery exits.
void svm_request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    uint64_t request = V_IRQ | V_INTR_PRIORITY_MAX | V_IGN_TPR;
    if (svm_intercepts_has(vcpu, CAUSE_INTERRUPT_WINDOW) == wanted) {
        return;
    }
    svm_set_v_intr(vcpu, request, wanted ? request : 0);
    svm_intercepts_set(vcpu, CAUSE_INTERRUPT_WINDOW, wanted);
}

// An event whose delivery was cut short by the exit is delivered again (15.7.2); the fields have
// one layout. What an instruction raised (INT n, INT3, INTO) comes again by itself: RIP is still at
// that instruction.
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
    if (!by_instruction) {
        place_event(vcpu, event);
    }
    return true;
}
