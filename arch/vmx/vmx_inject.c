// SPDX-License-Identifier: MIT
// Events into the guest at the next VM entry (SDM Vol. 3C 27.6).
#include "arch/vmx/vmx_inject.h"

#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

static enum interruption_type type_of(const struct event *event)
{
    switch (event->type) {
    case EVENT_INTERRUPT:
        return INTERRUPTION_EXTERNAL;
    case EVENT_NMI:
        return INTERRUPTION_NMI;
    case EVENT_EXCEPTION:
        break;
    }
    return INTERRUPTION_HARDWARE_EXCEPTION;
}

// In real-address mode exceptions have no error code; an entry with one would fail (27.2.1.3).
static bool delivers_error_codes(void)
{
    return vmcs_read(GUEST_CR0) & BIT(0);
}

// With TF set and blocking by STI or MOV SS, an entry demands a pending single-step trap
// (27.3.1.5); the #DB that is injected is that trap.
static void keep_single_step(void)
{
    uint32_t shadow = vmcs_read32(GUEST_INTERRUPTIBILITY);
    if ((vmcs_read(GUEST_RFLAGS) & RFLAGS_TF) && (shadow & (SHADOW_STI | SHADOW_MOV_SS))) {
        vmcs_write(GUEST_PENDING_DEBUG, vmcs_read(GUEST_PENDING_DEBUG) | DR6_BS);
    }
}

bool vmx_inject(struct vcpu_core *vcpu, const struct event *event)
{
    (void)vcpu; // it is the CPU's current one
    if (vmcs_read32(ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID) {
        return false;
    }
    uint32_t info = event->vector | (uint32_t)type_of(event) << INTERRUPTION_TYPE_SHIFT;
    if (event->has_error_code && delivers_error_codes()) {
        info |= INTERRUPTION_ERROR_CODE;
        vmcs_write32(ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
    }
    if (event->type == EVENT_EXCEPTION && event->vector == VECTOR_DB) {
        keep_single_step();
    }
    vmcs_write32(ENTRY_INTERRUPTION_INFO, info | (uint32_t)INTERRUPTION_VALID);
    return true;
}

void vmx_reinject_int1(uint32_t info)
{
    vmcs_write32(ENTRY_INSTRUCTION_LENGTH, vmcs_read32(EXIT_INSTRUCTION_LENGTH));
    vmcs_write32(ENTRY_INTERRUPTION_INFO, info & (uint32_t)(INTERRUPTION_VALID | 0xfff));
}

static void set_window(uint32_t window, bool wanted)
{
    uint32_t controls = vmcs_read32(PRIMARY_CONTROLS);
    vmcs_write32(PRIMARY_CONTROLS, wanted ? controls | window : controls & ~window);
}

void vmx_request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    if (vcpu->backend->window_requested == wanted) {
        return;
    }
    vcpu->backend->window_requested = wanted;
    set_window(PRIMARY_INTERRUPT_WINDOW_EXITING, wanted);
}

// It opens when virtual NMIs are not blocked (26.2); without them there is none (27.2.1.1).
void vmx_request_nmi_window(struct vcpu_core *vcpu)
{
    (void)vcpu; // it is the CPU's current one
    if (vmx_capability()->pin & PIN_VIRTUAL_NMIS) {
        set_window(PRIMARY_NMI_WINDOW_EXITING, true);
    }
}

void vmx_end_nmi_window(void)
{
    set_window(PRIMARY_NMI_WINDOW_EXITING, false);
}

// The two fields have the same layout; only an event that software raised needs its instruction's
// length too.
void vmx_deliver_again(uint32_t info)
{
    if (info & INTERRUPTION_ERROR_CODE) {
        vmcs_write32(ENTRY_EXCEPTION_ERROR_CODE, vmcs_read32(IDT_VECTORING_ERROR_CODE));
    }
    enum interruption_type type = info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
    if (type >= INTERRUPTION_SOFTWARE_INTERRUPT) {
        vmcs_write32(ENTRY_INSTRUCTION_LENGTH, vmcs_read32(EXIT_INSTRUCTION_LENGTH));
    }
    if (type == INTERRUPTION_NMI) {
        // The NMI is going to be delivered anew, so it does not block itself.
        vmcs_write32(GUEST_INTERRUPTIBILITY,
                     vmcs_read32(GUEST_INTERRUPTIBILITY) & ~(uint32_t)SHADOW_NMI);
    }
    // Bits 12 to 30 are undefined or reserved in one of the two (25.9.3, 25.8.3).
    vmcs_write32(ENTRY_INTERRUPTION_INFO, info & (uint32_t)(INTERRUPTION_VALID | 0xfff));
}
