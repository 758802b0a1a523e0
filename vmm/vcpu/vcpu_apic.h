// SPDX-License-Identifier: MIT
// A vCPU's local APIC: the guest's accesses to it, and the processor's part in it.
#pragma once

#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/devices/lapic.h"
#include "vmm/exit.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

void vcpu_apic_init(struct vcpu *vcpu);

// Whether the processor serves the guest out of the APIC's page, and delivers the interrupts that
// it finds there.
static inline bool vcpu_apic_served(const struct vcpu *vcpu)
{
    return vcpu->apic_access != APIC_ACCESS_EXITS;
}

// Has the processor serve the guest as the APIC's mode and place have it; after each change of
// them, with the vCPU loaded.
void vcpu_apic_place(struct vcpu *vcpu);

// What the processor has done there since the last entry; before the model is asked.
static inline void vcpu_apic_refresh(struct vcpu *vcpu)
{
    if (vcpu_apic_served(vcpu)) {
        lapic_refresh(&vcpu->lapic);
    }
}

// What the processor must know of it, before an entry. Only where it serves the guest.
void vcpu_apic_publish(struct vcpu *vcpu);

// From true to false others notify the processor, with FEATURE_POSTED, of what they post for the
// guest: it takes that at once, or at the next entry, where the notification still waits. So none
// may be taken by the host in between but to leave the back end's loop. What was posted before or
// is left after that is in the mail.
static inline void vcpu_apic_take_posted(struct vcpu *vcpu, bool taken)
{
    bool can = (vcpu->features & FEATURE_POSTED) && vcpu_apic_served(vcpu);
    __atomic_store_n(&vcpu->takes_posted, taken && can, __ATOMIC_SEQ_CST);
}

// A read of a register (enum lapic_register) as lapic_read has it. Inline, and with a look at the
// clock and at the processor's doings only for the registers that need it: all three would be a
// good part of what it costs.
MUST_CHECK static inline bool vcpu_read_lapic(struct vcpu *vcpu, unsigned reg, uint64_t *value)
{
    uint64_t now_ns = reg == LAPIC_CURRENT_COUNT ? vm_now_ns(vcpu->vm) : 0;
    if (reg == LAPIC_PPR) {
        vcpu_apic_refresh(vcpu);
    }
    bool legal = lapic_read(&vcpu->lapic, reg, now_ns, value);
    if (!legal && lapic_has_requests(&vcpu->lapic)) {
        vcpu_post_work(vcpu, WORK_EVENTS); // it is an error, and may interrupt
    }
    return legal;
}

// Writes to a register and to IA32_APIC_BASE; vcpu_run looks again if that can have made an
// interrupt deliverable or set a timer. False: #GP, for registers in x2APIC mode only.
bool vcpu_write_lapic(struct vcpu *vcpu, unsigned reg, uint64_t value);
MUST_CHECK bool vcpu_set_apic_base(struct vcpu *vcpu, uint64_t value);

enum exit_action vcpu_apic_write_exit(struct vcpu *vcpu, const struct exit_apic_write *write);
enum exit_action vcpu_eoi_exit(struct vcpu *vcpu, const struct exit_eoi *eoi);
enum exit_action vcpu_ipi_exit(struct vcpu *vcpu, const struct exit_ipi *ipi);
