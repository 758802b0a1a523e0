// SPDX-License-Identifier: MIT
// Finds the local APICs that a message is meant for.
//
// Other vCPUs may change their APIC's ID registers and priorities while this file reads them. Each
// is one aligned word, so a guest that races in this way gets one of the two outcomes.
#include "vmm/vcpu/apic_bus.h"

#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_ipi.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vm/vm.h"

static bool is_meant(const struct vcpu *vcpu, const struct vcpu *sender,
                     const struct apic_message *message)
{
    return vcpu != sender && lapic_is_addressed(&vcpu->lapic, message);
}

static struct vcpu *arbitrate(struct vm *vm, const struct vcpu *sender,
                              const struct apic_message *message)
{
    unsigned count = vm->config.vcpus;
    unsigned turn = __atomic_fetch_add(&vm->apic_turn, 1, __ATOMIC_RELAXED);
    struct vcpu *winner = NULL;
    unsigned lowest = 0;
    for (unsigned i = 0; i < count; i++) {
        struct vcpu *vcpu = vm->vcpus[(turn + i) % count];
        if (!is_meant(vcpu, sender, message) || !lapic_is_enabled(&vcpu->lapic)) {
            continue;
        }
        unsigned priority = lapic_arbitration_priority(&vcpu->lapic);
        if (!winner || priority < lowest) {
            winner = vcpu;
            lowest = priority;
        }
    }
    return winner;
}

void apic_bus_send(struct vm *vm, const struct vcpu *sender, const struct apic_message *message)
{
    if (message->delivery == APIC_LOWEST_PRIORITY) {
        struct vcpu *winner = arbitrate(vm, sender, message);
        if (winner) {
            vcpu_mail_message(winner, message);
        }
        return;
    }
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (is_meant(vm->vcpus[i], sender, message)) {
            vcpu_mail_message(vm->vcpus[i], message);
        }
    }
}

// An APIC in another mode than the sender's may have a different logical ID than the processor
// assumes.
static bool may_be_meant(const struct vcpu *vcpu, const struct vcpu *sender,
                         const struct apic_message *message)
{
    return is_meant(vcpu, sender, message) ||
           (vcpu != sender && lapic_mode(&vcpu->lapic) != lapic_mode(&sender->lapic));
}

void apic_bus_wake(struct vm *vm, const struct vcpu *sender, const struct apic_message *message)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (may_be_meant(vm->vcpus[i], sender, message)) {
            vcpu_mail_requested(vm->vcpus[i]);
        }
    }
}
