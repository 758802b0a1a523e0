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
// Writes the primary control word with what struct vmx_controls says.
void vmx_controls_write_primary(const struct vcpu_core *vcpu);
// Whether the guest is in long mode at the next entry.
void vmx_controls_set_long_mode(bool active);

// Whether the guest exits as soon as it can take an interrupt.
static inline void vmx_controls_set_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.interrupt_window != wanted) {
        vcpu->backend->controls.interrupt_window = wanted;
        vmx_controls_write_primary(vcpu);
    }
}

// Whether the guest exits as soon as it can take an NMI.
static inline void vmx_controls_set_nmi_window(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.nmi_window != wanted) {
        vcpu->backend->controls.nmi_window = wanted;
        vmx_controls_write_primary(vcpu);
    }
}

// Whether the guest's accesses to debug registers exit.
static inline void vmx_controls_set_debug_registers(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.debug_registers != wanted) {
        vcpu->backend->controls.debug_registers = wanted;
        vmx_controls_write_primary(vcpu);
    }
}
