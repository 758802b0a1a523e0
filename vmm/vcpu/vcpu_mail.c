// SPDX-License-Identifier: MIT
// Interrupts and signals on their way from one CPU to the vCPU of another.
#include "vmm/vcpu/vcpu_mail.h"

#include "vmm/backend.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/host.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

// ---- On any CPU ----

// The processor takes vectors by itself while the guest is in it. Who else set MAIL_VECTORS has
// notified it.
static void announce(struct vcpu *vcpu, uint32_t flags, bool known)
{
    unsigned cpu = vcpu->vm->slots[vcpu->index].cpu;
    bool taken = flags == MAIL_VECTORS && __atomic_load_n(&vcpu->takes_posted, __ATOMIC_SEQ_CST) &&
                 vcpu->host->this_cpu() != cpu;
    if (!taken) {
        scheduler_notify(vcpu, WORK_EVENTS);
    } else if (!known) {
        vcpu->host->kick_posted(cpu);
    }
}

// `flags` in place of `instead`, and the vCPU's CPU looks. Nothing happens if `unless` is there.
static void post(struct vcpu *vcpu, uint32_t flags, uint32_t instead, uint32_t unless)
{
    if (flags & MAIL_WAKES_ALL) {
        __atomic_add_fetch(&vcpu->vm->stirs, 1, __ATOMIC_SEQ_CST);
    }
    uint32_t *at = &vcpu->mail.posted.flags;
    uint32_t old = __atomic_load_n(at, __ATOMIC_RELAXED);
    do {
        if (old & unless) {
            return;
        }
    } while (!__atomic_compare_exchange_n(at, &old, (old & ~instead) | flags, true,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    announce(vcpu, flags, old & MAIL_VECTORS);
}

static void post_vector(struct vcpu *vcpu, const struct apic_message *message)
{
    uint64_t *vectors = message->level ? vcpu->mail.level : vcpu->mail.posted.vectors;
    __atomic_or_fetch(&vectors[message->vector / 64], BIT(message->vector % 64), __ATOMIC_RELAXED);
    post(vcpu, message->level ? MAIL_LEVEL : MAIL_VECTORS, 0, 0);
}

void vcpu_mail_message(struct vcpu *vcpu, const struct apic_message *message)
{
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        post_vector(vcpu, message);
        break;
    case APIC_NMI:
        post(vcpu, MAIL_NMI, 0, 0);
        break;
    case APIC_INIT: // ends what a SIPI or an NMI before it has begun
        post(vcpu, MAIL_INIT, MAIL_STARTUP | MAIL_STARTUP_VECTOR | MAIL_NMI, 0);
        break;
    case APIC_STARTUP: // the first one starts it, though it may not have run since
        post(vcpu, MAIL_STARTUP | (uint32_t)message->vector << MAIL_STARTUP_SHIFT, 0, MAIL_STARTUP);
        break;
    default: // SMI: a VM has no SMM. ExtINT and the reserved one mean nothing in a message.
        break;
    }
}

void vcpu_mail_lint0(struct vcpu *vcpu, bool level)
{
    __atomic_store_n(&vcpu->mail.lint0, level, __ATOMIC_RELAXED);
    post(vcpu, level ? MAIL_LINT0 | MAIL_LINT0_ROSE : MAIL_LINT0, 0, 0);
}

void vcpu_mail_requested(struct vcpu *vcpu)
{
    post(vcpu, MAIL_REQUESTED, 0, 0);
}

// ---- On the vCPU's own ----

static void take_vectors(struct vcpu *vcpu, uint64_t words[MAIL_WORDS], bool level)
{
    for (unsigned word = 0; word < MAIL_WORDS; word++) {
        uint64_t vectors = __atomic_exchange_n(&words[word], 0, __ATOMIC_ACQUIRE);
        for (; vectors != 0; vectors &= vectors - 1) {
            unsigned bit = (unsigned)__builtin_ctzll(vectors);
            lapic_post(&vcpu->lapic, (uint8_t)(64 * word + bit), level);
        }
    }
}

static void take_lint0(struct vcpu *vcpu, uint32_t flags)
{
    if (flags & MAIL_LINT0_ROSE) {
        lapic_set_lint(&vcpu->lapic, 0, true);
    }
    lapic_set_lint(&vcpu->lapic, 0, __atomic_load_n(&vcpu->mail.lint0, __ATOMIC_RELAXED));
}

// After an INIT, or an NMI that waits with it for the SIPI.
static void sleep_on(struct vcpu *vcpu)
{
    if (vcpu->waits_for_startup && !vcpu_fall_asleep(vcpu)) {
        vm_fail(vcpu->vm, "halted for ever: vCPU %u waits for a SIPI, nobody is left to send it",
                vcpu->index);
    }
}

void vcpu_mail_take(struct vcpu *vcpu)
{
    struct vcpu_mail *mail = &vcpu->mail;
    if (!vcpu_mail_waits(mail)) {
        return;
    }
    // A SIPI that nobody waits for, as the second of the usual two, does not end a HLT.
    uint32_t waking = vcpu->waits_for_startup ? MAIL_WAKES_ALL : MAIL_NMI | MAIL_INIT;
    if (__atomic_load_n(&mail->posted.flags, __ATOMIC_RELAXED) & waking) {
        vcpu_stir(vcpu);
    }
    uint32_t flags = __atomic_exchange_n(&mail->posted.flags, 0, __ATOMIC_ACQUIRE);
    if (flags & MAIL_INIT) {
        vcpu_init_received(vcpu);
    }
    if (flags & MAIL_STARTUP) {
        vcpu_startup(vcpu, (uint8_t)(flags >> MAIL_STARTUP_SHIFT));
    }
    if (flags & MAIL_NMI) {
        vcpu->nmi_pending = true;
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
    if (flags & (MAIL_LINT0 | MAIL_LINT0_ROSE)) {
        take_lint0(vcpu, flags);
    }
    if (flags & MAIL_WAKES_ALL) {
        sleep_on(vcpu);
    }
}
