// SPDX-License-Identifier: MIT
// Events for the guest, and the window for interrupts.
#pragma once

#include "arch/svm/svm.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"

// False: an event waits already.
bool svm_inject(struct vcpu_core *vcpu, const struct event *event);
// A trap with these causes, bits of DR6, comes at the next entry, unless an event waits already.
void svm_add_trap(struct vcpu_core *vcpu, uint64_t causes);
// Drops the event that waits for the next entry, and the NMI that the CPU keeps.
void svm_forget_event(struct vcpu_core *vcpu);
// Delivers the event again that the exit has cut short.
void svm_requeue_cut_event(struct vcpu_core *vcpu);
// The same if there is one. True: there was.
static inline bool svm_requeue_event(struct vcpu_core *vcpu)
{
    bool cut = vcpu->backend->vmcb.control.exitintinfo & EVENTINJ_VALID;
    if (__builtin_expect(cut, false)) {
        svm_requeue_cut_event(vcpu);
    }
    return cut;
}
// An event waits for the next entry. If it is an interrupt, this does what QEMU needs. GIF must be
// clear, so that what this sends waits for VMRUN.
void svm_nudge(const struct backend_vcpu *backend);
// What was being delivered when the exit came.
enum exit_delivery svm_delivery(const struct vmcb_control *control);
void svm_request_interrupt_window(struct vcpu_core *vcpu, bool wanted);

// What holds events back: bits of enum interrupt_shadow. The hardware has one bit for the shadows
// of STI and MOV SS. With IF clear it is that of MOV SS.
static inline uint64_t svm_shadow(const struct vcpu_core *vcpu)
{
    const struct vmcb *vmcb = &vcpu->backend->vmcb;
    uint64_t shadow = svm_nmi_blocked(vcpu) ? SHADOW_NMI : 0;
    if (__builtin_expect(vmcb->control.interrupt_shadow & 1, false)) {
        shadow |= vmcb->save.rflags & RFLAGS_IF ? SHADOW_STI : SHADOW_MOV_SS;
    }
    return shadow;
}

// Whether the next entry delivers an event.
static inline bool svm_event_waits(const struct vcpu_core *vcpu)
{
    return (vcpu->backend->vmcb.control.eventinj & EVENTINJ_VALID) || svm_nmi_waits(vcpu);
}
