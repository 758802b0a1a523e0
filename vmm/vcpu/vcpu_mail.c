// SPDX-License-Identifier: MIT
// Leaves interrupts and signals for a vCPU, from any CPU.
#include "vmm/vcpu/vcpu_mail.h"

#include "vmm/backend.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/host.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

// Makes the vCPU's CPU notice its mail. `known`: MAIL_VECTORS was set before, so its sender has
// notified the processor. While the guest runs, the processor takes posted vectors by itself.
static void announce(struct vcpu *vcpu, uint32_t flags, unsigned urgency, bool known)
{
    unsigned cpu = vcpu->vm->slots[vcpu->index].cpu;
    bool taken = flags == MAIL_VECTORS && __atomic_load_n(&vcpu->takes_posted, __ATOMIC_SEQ_CST) &&
                 vcpu->host->this_cpu() != cpu;
    if (!taken) {
        scheduler_notify(vcpu, WORK_EVENTS, urgency);
    } else if (!known) {
        vcpu->host->kick_posted(cpu);
    }
}

// What makes a vCPU's CPU look, and how urgent that is (enum scheduler_urgency).
struct letter {
    uint32_t flags;   // to set
    uint32_t again;   // to set as well if one of `flags` is set already
    uint32_t instead; // to clear
    uint32_t unless;  // nothing happens if one of these is set
    unsigned urgency;
};

static void post(struct vcpu *vcpu, const struct letter *letter)
{
    uint32_t flags = letter->flags;
    if (flags & MAIL_WAKES_ALL) {
        __atomic_add_fetch(&vcpu->vm->stirs, 1, __ATOMIC_SEQ_CST);
    }
    uint32_t *at = &vcpu->mail.posted.flags;
    uint32_t old = __atomic_load_n(at, __ATOMIC_RELAXED);
    uint32_t new;
    do {
        if (old & letter->unless) {
            return;
        }
        new = (old & ~letter->instead) | flags | (old & flags ? letter->again : 0);
    } while (!__atomic_compare_exchange_n(at, &old, new, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    announce(vcpu, flags, letter->urgency, old & MAIL_VECTORS);
}

// If the vCPU's own exit is handled here, its APIC takes an edge at once: nobody else uses it now.
// A level waits: the end of the one before may be what sends it.
static void post_vector(struct vcpu *vcpu, const struct apic_message *message)
{
    if (!message->level && scheduler_runs_here(vcpu)) {
        lapic_post(&vcpu->lapic, message->vector, false);
        vcpu_post_work(vcpu, WORK_EVENTS);
        return;
    }
    uint64_t *vectors = message->level ? vcpu->mail.level : vcpu->mail.posted.vectors;
    __atomic_or_fetch(&vectors[message->vector / 64], BIT(message->vector % 64), __ATOMIC_RELAXED);
    uint32_t flag = message->level ? MAIL_LEVEL : MAIL_VECTORS;
    uint32_t old = __atomic_fetch_or(&vcpu->mail.posted.flags, flag, __ATOMIC_SEQ_CST);
    announce(vcpu, flag, message->vector / 16U, old & MAIL_VECTORS);
}

void vcpu_mail_message(struct vcpu *vcpu, const struct apic_message *message)
{
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        post_vector(vcpu, message);
        break;
    case APIC_NMI:
        post(vcpu,
             &(struct letter){.flags = MAIL_NMI, .again = MAIL_NMI_AGAIN, .urgency = WAKE_ALWAYS});
        break;
    case APIC_INIT: // cancels a SIPI or an NMI that came before it
        post(vcpu, &(struct letter){.flags = MAIL_INIT,
                                    .instead = MAIL_STARTUP | MAIL_STARTUP_VECTOR | MAIL_NMI |
                                               MAIL_NMI_AGAIN | MAIL_KICK,
                                    .urgency = WAKE_ALWAYS});
        break;
    case APIC_STARTUP: // the first SIPI counts, even if the vCPU has not run since
        post(vcpu, &(struct letter){.flags = MAIL_STARTUP | (uint32_t)message->vector
                                                                << MAIL_STARTUP_SHIFT,
                                    .unless = MAIL_STARTUP,
                                    .urgency = WAKE_ALWAYS});
        break;
    case APIC_EXTINT:
        post(vcpu, &(struct letter){.flags = MAIL_EXTINT, .urgency = WAKE_WITH_IF});
        break;
    default: // SMI: a VM has no SMM. The reserved mode has no meaning.
        break;
    }
}

// LINT0 may be an NMI, which wakes every vCPU. Its fall wakes none.
void vcpu_mail_lint0(struct vcpu *vcpu, bool level)
{
    __atomic_store_n(&vcpu->mail.lint0, level, __ATOMIC_RELAXED);
    post(vcpu, &(struct letter){.flags = level ? MAIL_LINT0 | MAIL_LINT0_ROSE : MAIL_LINT0,
                                .urgency = level ? WAKE_ALWAYS : WAKE_WITH_IF});
}

void vcpu_mail_kick(struct vcpu *vcpu)
{
    post(vcpu, &(struct letter){.flags = MAIL_KICK, .urgency = WAKE_ALWAYS});
}

void vcpu_mail_requested(struct vcpu *vcpu)
{
    post(vcpu, &(struct letter){.flags = MAIL_REQUESTED, .urgency = WAKE_WITH_IF});
}

void vcpu_mail_virtio(struct vcpu *vcpu)
{
    __atomic_or_fetch(&vcpu->mail.posted.flags, MAIL_VIRTIO, __ATOMIC_SEQ_CST);
    announce(vcpu, MAIL_VIRTIO, WAKE_ALWAYS, false);
}
