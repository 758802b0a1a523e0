// SPDX-License-Identifier: MIT
// Events into the guest at the next VM entry (SDM Vol. 3C 27.6).
#include "arch/vmx/vmx_inject.h"

#include "arch/vmx/vmx_blocking.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

static enum interruption_type type_of(const struct event *event)
{
    switch (event->type) {
    case EVENT_INTERRUPT:
        return INTERRUPTION_EXTERNAL;
    case EVENT_NMI:
        return INTERRUPTION_NMI;
    case EVENT_SOFTWARE:
        return INTERRUPTION_SOFTWARE_INTERRUPT;
    case EVENT_EXCEPTION:
        break;
    }
    return INTERRUPTION_HARDWARE_EXCEPTION;
}

// In real-address mode exceptions have no error code. An entry with one would fail (27.2.1.3).
static bool delivers_error_codes(void)
{
    return vmcs_read(GUEST_CR0) & BIT(0);
}

// With TF set and blocking by STI or MOV SS, an entry fails unless a single-step trap is pending
// (27.3.1.5). The #DB that is injected was this trap, and the exit ended its pending.
static void keep_single_step(void)
{
    if ((vmcs_read(GUEST_RFLAGS) & RFLAGS_TF) && (vmx_blocking() & (SHADOW_STI | SHADOW_MOV_SS))) {
        vmx_blocking_add_trap(DR6_BS);
    }
}

// `info` may come from an exit, as the fields have one layout. But bits 12 to 30 are undefined or
// reserved after an exit, and must be 0 at an entry (25.9.3, 25.8.3).
static void place_event(uint32_t info)
{
    vmcs_write32(VM_ENTRY_INTERRUPTION_INFO, info & (uint32_t)(INTERRUPTION_VALID | 0xfff));
}

void vmx_forget_event(void)
{
    place_event(0);
    vmx_blocking_set_traps(0);
}

// An entry that injects an event drops pending traps (27.7.3). With a fault they are lost on a CPU
// too, but interrupts and NMIs come after them (SDM Vol. 3A table 6-2).
static bool must_wait(const struct event *event)
{
    switch (event->type) {
    case EVENT_INTERRUPT: // the caller has looked at REG_EVENT_WAITING
        return false;
    case EVENT_NMI:
        return vmx_event_waits() || vmx_blocking_trap_waits() || vmx_blocking();
    case EVENT_SOFTWARE:
    case EVENT_EXCEPTION:
        break;
    }
    return vmx_event_waits();
}

bool vmx_inject(struct vcpu_core *vcpu, const struct event *event)
{
    (void)vcpu; // it is the CPU's current one
    if (must_wait(event)) {
        return false;
    }
    uint32_t info = event->vector | (uint32_t)type_of(event) << INTERRUPTION_TYPE_SHIFT;
    if (event->has_error_code && delivers_error_codes()) {
        info |= INTERRUPTION_ERROR_CODE;
        vmcs_write32(VM_ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
    }
    if (event->type == EVENT_SOFTWARE) {
        vmcs_write32(VM_ENTRY_INSTRUCTION_LENGTH, event->length);
    }
    if (event->type == EVENT_EXCEPTION && event->vector == VECTOR_DB) {
        keep_single_step();
    }
    place_event(info | (uint32_t)INTERRUPTION_VALID);
    return true;
}

void vmx_reinject_int1(uint32_t info)
{
    vmcs_write32(VM_ENTRY_INSTRUCTION_LENGTH, vmcs_read32(VM_EXIT_INSTRUCTION_LENGTH));
    keep_single_step();
    place_event(info);
}

void vmx_request_interrupt_window(struct vcpu_core *vcpu, bool wanted)
{
    vmx_controls_set_interrupt_window(vcpu, wanted);
}

// The window opens when virtual NMIs are not blocked (26.2). CPUs without virtual NMIs have no such
// window (27.2.1.1).
void vmx_request_nmi_window(struct vcpu_core *vcpu)
{
    if (vmx_capability()->pin & PIN_VIRTUAL_NMIS) {
        vmx_controls_set_nmi_window(vcpu, true);
    }
}

// An event that software raised needs the length of its instruction besides.
void vmx_deliver_again(uint32_t info)
{
    if (info & INTERRUPTION_ERROR_CODE) {
        vmcs_write32(VM_ENTRY_EXCEPTION_ERROR_CODE, vmcs_read32(IDT_VECTORING_ERROR_CODE));
    }
    enum interruption_type type = info >> INTERRUPTION_TYPE_SHIFT & INTERRUPTION_TYPE_MASK;
    if (type >= INTERRUPTION_SOFTWARE_INTERRUPT) {
        vmcs_write32(VM_ENTRY_INSTRUCTION_LENGTH, vmcs_read32(VM_EXIT_INSTRUCTION_LENGTH));
    }
    if (type == INTERRUPTION_NMI) {
        vmx_blocking_set_nmi(false); // the NMI is delivered anew, so it must not block itself
    }
    place_event(info);
}
