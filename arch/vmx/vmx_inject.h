// SPDX-License-Identifier: MIT
// Events into the guest at the next VM entry. The vCPU is the CPU's current one.
#pragma once

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "vmm/util/types.h"

struct event;
struct vcpu_core;

// False: an event waits already.
bool vmx_inject(struct vcpu_core *vcpu, const struct event *event);
void vmx_forget_event(void); // what the next entry would deliver: an event, a trap that is pending
void vmx_request_interrupt_window(struct vcpu_core *vcpu, bool wanted);
void vmx_request_nmi_window(struct vcpu_core *vcpu);
// `info` is an exit's interruption information, with an event of type 5.
void vmx_reinject_int1(uint32_t info);
// `info` is an exit's IDT-vectoring information, with a valid event.
void vmx_deliver_again(uint32_t info);

static inline bool vmx_event_waits(void)
{
    return (vmcs_read32(VM_ENTRY_INTERRUPTION_INFO) & INTERRUPTION_VALID) != 0;
}

// An event whose delivery the exit cut short is delivered again (28.2.4). True: there was one.
static inline bool vmx_requeue_event(void)
{
    uint32_t info = vmcs_read32(IDT_VECTORING_INFO);
    if (info & INTERRUPTION_VALID) {
        vmx_deliver_again(info);
    }
    return info & INTERRUPTION_VALID;
}
