// SPDX-License-Identifier: MIT
// The control words of a VMCS that change while its guest runs. Each word is computed anew from the
// CPU's capabilities and the vCPU's struct vmx_controls, so no writer can undo another one's bits.
#include "arch/vmx/vmx_controls.h"

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/x86/frames.h"

// Posted interrupts need virtual-interrupt delivery (27.2.1.1).
static uint32_t pin_controls(const struct vmx_capability *c, const struct vmx_controls *controls)
{
    bool exits = controls->apic == APIC_ACCESS_EXITS;
    return exits ? c->pin & ~(uint32_t)PIN_POSTED_INTERRUPTS : c->pin;
}

// CR8 is the TPR: either the CPU keeps it in the APIC's page, or accesses to it exit.
static uint32_t primary_controls(const struct vmx_capability *c,
                                 const struct vmx_controls *controls)
{
    bool exits = controls->apic == APIC_ACCESS_EXITS;
    uint64_t fixed = c->primary & ~(PRIMARY_USE_TPR_SHADOW | PRIMARY_CR8_EXITING |
                                    PRIMARY_MOV_DR_EXITING | PRIMARY_MONITOR_TRAP);
    return (uint32_t)(fixed | (exits ? PRIMARY_CR8_EXITING : PRIMARY_USE_TPR_SHADOW) |
                      (controls->interrupt_window ? PRIMARY_INTERRUPT_WINDOW_EXITING : 0) |
                      (controls->nmi_window ? PRIMARY_NMI_WINDOW_EXITING : 0) |
                      (controls->debug_registers ? PRIMARY_MOV_DR_EXITING : 0) |
                      (controls->monitor_trap ? PRIMARY_MONITOR_TRAP : 0));
}

static uint32_t secondary_controls(const struct vmx_capability *c,
                                   const struct vmx_controls *controls)
{
    switch (controls->apic) {
    case APIC_ACCESS_MEMORY:
        return c->secondary & ~(uint32_t)SECONDARY_X2APIC_MODE;
    case APIC_ACCESS_MSR:
        return c->secondary & ~(uint32_t)SECONDARY_APIC_ACCESSES;
    case APIC_ACCESS_EXITS:
        break;
    }
    return c->secondary & ~SECONDARY_APICV;
}

void vmx_controls_write_primary(const struct vcpu_core *vcpu)
{
    vmcs_write32(PRIMARY_CONTROLS, primary_controls(vmx_capability(), &vcpu->backend->controls));
}

void vmx_controls_set_apic(struct vcpu_core *vcpu, enum apic_access access)
{
    const struct vmx_capability *c = vmx_capability();
    const struct nested_space *nested = vcpu->nested;
    struct vmx_controls *controls = &vcpu->backend->controls;
    controls->apic = access;
    vmcs_write32(PIN_BASED_CONTROLS, pin_controls(c, controls));
    vmcs_write32(PRIMARY_CONTROLS, primary_controls(c, controls));
    vmcs_write32(SECONDARY_CONTROLS, secondary_controls(c, controls));
    vmcs_write64(MSR_BITMAP, frames_physical(access == APIC_ACCESS_MSR ? nested->x2apic_msr_bitmap
                                                                       : nested->msr_bitmap));
}

// This word does not follow from struct vmx_controls, because the guest changes it too. A guest
// enters and leaves long mode by CR0.PG without an exit. The next exit then writes EFER.LMA into
// the control (28.2).
void vmx_controls_set_long_mode(bool active)
{
    uint32_t fixed = vmx_capability()->entry & ~(uint32_t)ENTRY_CONTROL_IA32E_GUEST;
    vmcs_write32(VM_ENTRY_CONTROLS, fixed | (active ? (uint32_t)ENTRY_CONTROL_IA32E_GUEST : 0));
}

void vmx_controls_start(struct vcpu_core *vcpu)
{
    bool served = vmx_serves_apic(vmx_capability());
    vcpu->backend->controls = (struct vmx_controls){0};
    vmx_controls_set_apic(vcpu, served ? APIC_ACCESS_MEMORY : APIC_ACCESS_EXITS);
    vmx_controls_set_long_mode(false);
}
