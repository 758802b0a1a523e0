// SPDX-License-Identifier: MIT
// Events for the guest, the windows for them, and the blocking of NMIs.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct event;
struct vcpu_core;
struct vmcb_control;

// False: an event waits already.
bool svm_inject(struct vcpu_core *vcpu, const struct event *event);
// Drops the event that waits for the next entry.
void svm_forget_event(struct vcpu_core *vcpu);
// Delivers an event again that the exit has cut short. True: there was one.
bool svm_requeue_event(struct vcpu_core *vcpu);
// What was being delivered when the exit came.
enum exit_delivery svm_delivery(const struct vmcb_control *control);
void svm_request_interrupt_window(struct vcpu_core *vcpu, bool wanted);

// What holds events back: bits of enum interrupt_shadow.
uint64_t svm_shadow(const struct vcpu_core *vcpu);
// The guest runs an NMI's handler, or does so no longer.
void svm_block_nmis(struct vcpu_core *vcpu, bool blocked);
// The handler is at its IRET.
void svm_end_nmi(struct vcpu_core *vcpu);
void svm_request_nmi_window(struct vcpu_core *vcpu);
// Before the guest runs: after how many ns it must come back, because an NMI waits; 0: none waits.
uint64_t svm_nmi_hold(struct vcpu_core *vcpu);
