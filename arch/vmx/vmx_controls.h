// SPDX-License-Identifier: MIT
// The control words of a VMCS that change while its guest runs. The vCPU is the CPU's current one.
#pragma once

#include "arch/vmx/vmx.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// A new VMCS: no window is open, and where the CPU serves local APICs, it serves an xAPIC.
void vmx_controls_start(struct vcpu_core *vcpu);
// How the guest gets to its local APIC.
void vmx_controls_set_apic(struct vcpu_core *vcpu, enum apic_access access);
// Writes the control word with the windows of struct vmx_controls.
void vmx_controls_write_windows(const struct vcpu_core *vcpu);
// Whether the guest is in long mode at the next entry.
void vmx_controls_set_long_mode(bool active);

// Whether the guest exits as soon as it can take an interrupt.
static inline void vmx_controls_set_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.interrupt_window != wanted) {
        vcpu->backend->controls.interrupt_window = wanted;
        vmx_controls_write_windows(vcpu);
    }
}

// Whether the guest exits as soon as it can take an NMI.
static inline void vmx_controls_set_nmi_window(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.nmi_window != wanted) {
        vcpu->backend->controls.nmi_window = wanted;
        vmx_controls_write_windows(vcpu);
    }
}
