// SPDX-License-Identifier: MIT
// A vCPU's local APIC: the guest's accesses, and the part of it that the processor serves.
#pragma once

#include "vmm/backend.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

void vcpu_apic_init(struct vcpu *vcpu);

// Whether the processor serves the guest's accesses out of the APIC's page, and delivers the
// interrupts that it finds there.
static inline bool vcpu_apic_served(const struct vcpu *vcpu)
{
    return vcpu->apic_access != APIC_ACCESS_EXITS;
}

// Makes the processor serve the APIC as its mode and address demand. To be called after each change
// of them, with the vCPU loaded.
void vcpu_apic_place(struct vcpu *vcpu);

// Brings the model up to what the processor has done in the page since the last entry. To be called
// before the model is read.
static inline void vcpu_apic_refresh(struct vcpu *vcpu)
{
    if (vcpu_apic_served(vcpu)) {
        lapic_refresh(&vcpu->lapic);
    }
}

// Before an entry: shows the processor what has changed in the model. Only if the APIC is served.
void vcpu_apic_publish(struct vcpu *vcpu);

// With FEATURE_POSTED: while this is true, other CPUs that post vectors for the guest only send the
// processor a notification interrupt. The processor takes the vectors at once if it is in the
// guest. If not, the notification stays pending and the processor takes them at the next entry. So
// the host may take a notification itself only if it then leaves the back end's loop. Vectors that
// were posted before, or that are left afterwards, are taken with the mail.
static inline void vcpu_apic_take_posted(struct vcpu *vcpu, bool taken)
{
    bool can = (vcpu->features & FEATURE_POSTED) && vcpu_apic_served(vcpu);
    __atomic_store_n(&vcpu->takes_posted, taken && can, __ATOMIC_SEQ_CST);
}

// Reads a register (enum lapic_register), as lapic_read does. A call, a look at the clock and a
// refresh would be a large part of the cost. So this is inline, and it looks at the clock and
// refreshes only for the registers that need it.
MUST_CHECK static inline bool vcpu_read_lapic(struct vcpu *vcpu, unsigned reg, uint64_t *value)
{
    uint64_t now_ns = reg == LAPIC_CURRENT_COUNT ? vm_now_ns(vcpu->vm) : 0;
    if (reg == LAPIC_PPR) {
        vcpu_apic_refresh(vcpu);
    }
    bool legal = lapic_read(&vcpu->lapic, reg, now_ns, value);
    if (!legal && lapic_has_requests(&vcpu->lapic)) {
        vcpu_post_work(vcpu, WORK_EVENTS); // the error can raise the APIC's error interrupt
    }
    return legal;
}

// Write a register and IA32_APIC_BASE. They post work for vcpu_run if an interrupt may have become
// deliverable or a timer was set. False means #GP, which registers give in x2APIC mode only.
bool vcpu_write_lapic(struct vcpu *vcpu, unsigned reg, uint64_t value);
MUST_CHECK bool vcpu_set_apic_base(struct vcpu *vcpu, uint64_t value);

enum exit_action vcpu_apic_write_exit(struct vcpu *vcpu, const struct exit_apic_write *write);
enum exit_action vcpu_eoi_exit(struct vcpu *vcpu, const struct exit_eoi *eoi);
enum exit_action vcpu_ipi_exit(struct vcpu *vcpu, const struct exit_ipi *ipi);
