// SPDX-License-Identifier: MIT
// Which interrupt or NMI a vCPU gets at its next entry.
#include "vmm/vcpu/vcpu_events.h"

#include "arch/x86/registers.h"
#include "vmm/backend.h"
#include "vmm/board/pc.h"
#include "vmm/devices/lapic.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vm/vm.h"

// The 8259s are wired to the first vCPU, and to the I/O APIC, which may send any vCPU an ExtINT.
static bool extint_pending(const struct vcpu *vcpu)
{
    return vcpu->extint_pending || (vcpu->index == 0 && pc_interrupt_waits(vcpu->vm->pc) &&
                                    lapic_accepts_extint(&vcpu->lapic));
}

// If the I/O APIC has sent an ExtINT, and the 8259s have more, their INTR has not fallen. No other
// ExtINT comes then.
static uint8_t acknowledge_8259(struct vcpu *vcpu)
{
    uint8_t vector = pc_acknowledge_interrupt(vcpu->vm->pc);
    vcpu->extint_pending = vcpu->extint_pending && pc_interrupt_waits(vcpu->vm->pc);
    return vector;
}

bool vcpu_interrupt_pending(const struct vcpu *vcpu)
{
    return extint_pending(vcpu) || lapic_pending(&vcpu->lapic) >= 0;
}

// Whether an interrupt is pending that Husk must inject, because the processor does not deliver it.
static bool interrupt_to_inject(const struct vcpu *vcpu)
{
    return vcpu_apic_served(vcpu) ? extint_pending(vcpu) : vcpu_interrupt_pending(vcpu);
}

// Takes the pending interrupt from its controller and returns its vector.
static uint8_t acknowledge_interrupt(struct vcpu *vcpu)
{
    if (extint_pending(vcpu)) {
        return acknowledge_8259(vcpu);
    }
    uint8_t vector = (uint8_t)lapic_pending(&vcpu->lapic);
    lapic_accept(&vcpu->lapic, vector);
    return vector;
}

// Of those that the guest cannot take now, one is kept.
static NOT_INLINE void deliver_nmis(struct vcpu *vcpu, uint64_t shadow)
{
    struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    while (vcpu->nmis_pending && vcpu->ops->inject(&vcpu->core, &nmi)) {
        vcpu->nmis_pending--;
        vcpu->in_nmi = true;
    }
    vcpu->nmis_pending = MIN(vcpu->nmis_pending, 1);
    if (vcpu->nmis_pending && !(shadow & SHADOW_STI)) {
        vcpu->ops->request_nmi_window(&vcpu->core);
    }
}

void vcpu_deliver_events(struct vcpu *vcpu)
{
    uint64_t shadow = vcpu_register(vcpu, REG_INTERRUPT_SHADOW);
    if (__builtin_expect(vcpu->nmis_pending != 0, false)) {
        deliver_nmis(vcpu, shadow);
    }
    if (vcpu_apic_served(vcpu)) {
        vcpu_apic_publish(vcpu);
    }
    bool open =
        (vcpu_register(vcpu, REG_RFLAGS) & RFLAGS_IF) && !(shadow & (SHADOW_STI | SHADOW_MOV_SS));
    if (open && interrupt_to_inject(vcpu) && !vcpu_register(vcpu, REG_EVENT_WAITING)) {
        struct event interrupt = {.type = EVENT_INTERRUPT, .vector = acknowledge_interrupt(vcpu)};
        (void)vcpu->ops->inject(&vcpu->core, &interrupt); // succeeds: no other event waits
    }
    bool nmi_behind_sti = vcpu->nmis_pending && (shadow & SHADOW_STI);
    vcpu->ops->request_interrupt_window(&vcpu->core, interrupt_to_inject(vcpu) || nmi_behind_sti);
}

// A vCPU that does not go on to run keeps WORK_EVENTS: vcpu_run handles it.
void vcpu_handle_events(struct vcpu_core *core)
{
    struct vcpu *vcpu = vcpu_of(core);
    if (vcpu->halted) {
        return;
    }
    __atomic_and_fetch(&core->work, ~(uint32_t)WORK_EVENTS, __ATOMIC_SEQ_CST);
    vcpu_mail_take(vcpu);
    if (vcpu->waits_for_startup) {
        vcpu_post_work(vcpu, WORK_EVENTS);
    } else {
        vcpu_deliver_events(vcpu);
    }
}
