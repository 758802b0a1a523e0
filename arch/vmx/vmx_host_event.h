// SPDX-License-Identifier: MIT
// What the host wants while a guest runs.
#pragma once

struct vcpu_core;

// Sets what ends the run at vcpu->deadline_ns.
void vmx_timer_set(const struct vcpu_core *vcpu);

// The exits of the host's own. Where vcpu->work is 0 afterwards, the guest goes on:
// The VMX-preemption timer has counted down.
void vmx_host_timer(struct vcpu_core *vcpu);
// An external interrupt.
void vmx_host_interrupt(struct vcpu_core *vcpu);
// An NMI that exits has not been through the IDT: this calls its handler by an INT instruction.
void vmx_host_nmi(struct vcpu_core *vcpu);
// Anything else. The guest's event that the exit cut short comes again.
void vmx_host_event(struct vcpu_core *vcpu);
