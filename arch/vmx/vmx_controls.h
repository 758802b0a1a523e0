// SPDX-License-Identifier: MIT
// The control words of a VMCS that change while its guest runs. The vCPU is the CPU's current one.
#pragma once

#include "arch/vmx/vmx.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

// #AC and #DB exit because their handler in the guest could raise the same exception again. The CPU
// would then deliver exceptions for ever and never exit (CVE-2015-5307, CVE-2015-8104). #MC exits
// because it concerns the host.
#define VMX_EXCEPTIONS ((uint32_t)(BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC)))

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

// Whether the guest exits behind its next instruction or the next event that is delivered.
static inline void vmx_controls_set_monitor_trap(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->controls.monitor_trap != wanted) {
        vcpu->backend->controls.monitor_trap = wanted;
        vmx_controls_write_primary(vcpu);
    }
}
