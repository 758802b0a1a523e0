// SPDX-License-Identifier: MIT
// Takes the mail that other CPUs have left for a vCPU, on the vCPU's own CPU.
#include "vmm/vcpu/vcpu_mail_take.h"

#include "vmm/backend.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vcpu/vcpu_start.h"
#include "vmm/vm/vm.h"

static void take_vectors(struct vcpu *vcpu, uint64_t words[MAIL_WORDS], bool level)
{
    for (unsigned word = 0; word < MAIL_WORDS; word++) {
        if (__atomic_load_n(&words[word], __ATOMIC_RELAXED) == 0) {
            continue;
        }
        uint64_t vectors = __atomic_exchange_n(&words[word], 0, __ATOMIC_ACQUIRE);
        for (; vectors != 0; vectors &= vectors - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(vectors);
            lapic_post(&vcpu->lapic, (uint8_t)(64 * word + bit), level);
        }
    }
}

// A local APIC that software has disabled does not take it (SDM Vol. 3A 11.4.7.2).
static void take_extint(struct vcpu *vcpu)
{
    vcpu->extint_pending = lapic_is_enabled(&vcpu->lapic);
    vcpu->ops->load_vcpu(&vcpu->core);
    vcpu_apic_place(vcpu);
}

static void take_8259(struct vcpu *vcpu, uint32_t flags)
{
    if (flags & MAIL_LINT0_ROSE) {
        lapic_set_lint(&vcpu->lapic, 0, true);
    }
    if (flags & (MAIL_LINT0 | MAIL_LINT0_ROSE)) {
        lapic_set_lint(&vcpu->lapic, 0, __atomic_load_n(&vcpu->mail.lint0, __ATOMIC_RELAXED));
    }
    if (flags & MAIL_EXTINT) {
        take_extint(vcpu);
    }
}

static void take_signals(struct vcpu *vcpu, uint32_t flags)
{
    if (flags & MAIL_INIT) {
        vcpu_init_received(vcpu);
    }
    if (flags & MAIL_STARTUP) {
        vcpu_startup(vcpu, (uint8_t)(flags >> MAIL_STARTUP_SHIFT));
    }
    if (flags & MAIL_NMI) {
        vcpu_add_nmi(vcpu);
    }
    if (flags & MAIL_NMI_AGAIN) {
        vcpu_add_nmi(vcpu);
    }
    if (flags & MAIL_KICK) {
        vcpu->kicked = !vcpu->waits_for_startup;
    }
}

// A vCPU that waits for a SIPI falls asleep: after an INIT, or again after an NMI, which does not
// end the wait. So does one that sleeps in a HLT, after a signal that does not end the HLT.
static void sleep_on(struct vcpu *vcpu)
{
    if (vcpu->waits_for_startup && !vcpu_fall_asleep(vcpu)) {
        vm_fail(vcpu->vm, "halted for ever: vCPU %u waits for a SIPI, nobody is left to send it",
                vcpu->index);
    } else if (vcpu->halted && vcpu->asleep && !vcpu_fall_asleep(vcpu)) {
        vm_fail(vcpu->vm, "halted for ever: vCPU %u was the last that a signal could have woken",
                vcpu->index);
    }
}

// The signals that end the sleep. A vCPU that does not wait for a SIPI ignores it: the second of
// the usual two must not end a HLT.
static uint32_t waking_mail(const struct vcpu *vcpu)
{
    if (vcpu->waits_for_startup) {
        return MAIL_WAKES_ALL;
    }
    return MAIL_INIT | MAIL_KICK | (vcpu_nmis_wake(vcpu) ? MAIL_NMI : 0);
}

// The devices' interrupts for this vCPU become mail, which is taken behind this: they are no work
// for later. If the vCPU waits, the devices get their turn once the scheduler chooses it.
static NOT_INLINE void take_virtio(struct vcpu *vcpu)
{
    __atomic_and_fetch(&vcpu->mail.posted.flags, ~(uint32_t)MAIL_VIRTIO, __ATOMIC_SEQ_CST);
    if (vcpu_waits(vcpu)) {
        return;
    }
    pc_virtio_turn(vcpu->vm->pc);
    __atomic_and_fetch(&vcpu->core.work, ~(uint32_t)WORK_EVENTS, __ATOMIC_SEQ_CST);
}

// Takes all flags. A signal that ends the sleep keeps the VM alive at any moment: first by its
// flag, then because the vCPU is not asleep. So no flag is taken that came after the look.
static uint32_t take_flags(struct vcpu *vcpu)
{
    uint32_t *at = &vcpu->mail.posted.flags;
    uint32_t waking = waking_mail(vcpu);
    uint32_t flags = __atomic_load_n(at, __ATOMIC_RELAXED);
    do {
        if (flags & waking) {
            vcpu_stir(vcpu);
        }
    } while (!__atomic_compare_exchange_n(at, &flags, 0, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return flags;
}

void vcpu_mail_take(struct vcpu *vcpu)
{
    struct vcpu_mail *mail = &vcpu->mail;
    if (!vcpu_mail_waits(mail)) {
        return;
    }
    if (__atomic_load_n(&mail->posted.flags, __ATOMIC_RELAXED) & MAIL_VIRTIO) {
        take_virtio(vcpu);
    }
    uint32_t flags = take_flags(vcpu);
    if (flags & MAIL_WAKES_ALL) {
        take_signals(vcpu, flags);
    }
    if (flags & MAIL_REQUESTED) {
        lapic_requested(&vcpu->lapic);
    }
    if (flags & MAIL_VECTORS) {
        take_vectors(vcpu, mail->posted.vectors, false);
    }
    if (flags & MAIL_LEVEL) {
        take_vectors(vcpu, mail->level, true);
    }
    if (flags & (MAIL_LINT0 | MAIL_LINT0_ROSE | MAIL_EXTINT)) {
        take_8259(vcpu, flags);
    }
    if (flags & MAIL_WAKES_ALL) {
        sleep_on(vcpu);
    }
}
