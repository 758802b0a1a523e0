// SPDX-License-Identifier: MIT
// KVM's hypercalls: wake a vCPU out of its HLT, and interrupt many vCPUs at once.
#include "vmm/vcpu/paravirt_call.h"

#include "arch/x86/kvm_interface.h"
#include "vmm/backend.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vm/vm.h"

#define ICR_DELIVERY_SHIFT 8
#define ICR_DELIVERY_MASK 0x7
#define ICR_ADDRESSING (BIT(11) | BIT(18) | BIT(19)) // a logical destination, a shorthand

// The vCPU with that APIC ID, which is the one that CPUID gave it. NULL: there is none.
static struct vcpu *vcpu_with_id(const struct vm *vm, uint64_t apic_id)
{
    return apic_id < vm->config.vcpus ? vm->vcpus[apic_id] : NULL;
}

// KVM answers 0 whether or not there is such a vCPU.
static uint64_t kick(const struct vcpu *vcpu)
{
    uint64_t apic_id = (uint32_t)vcpu->core.registers.gpr[GPR_RCX];
    struct vcpu *receiver = vcpu_with_id(vcpu->vm, apic_id);
    if (receiver) {
        vcpu_mail_kick(receiver);
    }
    return 0;
}

// The vCPUs of a set, whose bit 0 stands for APIC ID `first`. Returns how many got the message.
static uint64_t send(const struct vcpu *vcpu, uint64_t set, uint64_t first,
                     const struct apic_message *message)
{
    uint64_t count = 0;
    for (; set != 0; set &= set - 1) {
        struct vcpu *receiver = vcpu_with_id(vcpu->vm, first + (unsigned)__builtin_ctzll(set));
        if (receiver && lapic_mode(&receiver->lapic) != LAPIC_DISABLED) {
            vcpu_mail_message(receiver, message);
            count++;
        }
    }
    return count;
}

// In 64-bit mode each half of the set has 64 bits, otherwise 32.
static uint64_t send_ipi(struct vcpu *vcpu)
{
    const uint64_t *gpr = vcpu->core.registers.gpr;
    uint64_t half = vcpu_in_64bit_mode(vcpu) ? 64 : 32;
    uint64_t mask = UINT64_MAX >> (64 - half);
    uint64_t icr = gpr[GPR_RSI] & mask;
    uint64_t first = (uint32_t)gpr[GPR_RDX];
    struct apic_message message = {
        .vector = (uint8_t)icr,
        .delivery = (enum apic_delivery)(icr >> ICR_DELIVERY_SHIFT & ICR_DELIVERY_MASK)};
    if ((icr & ICR_ADDRESSING) ||
        (message.delivery != APIC_FIXED && message.delivery != APIC_NMI)) {
        return -(uint64_t)KVM_ERROR_INVAL;
    }
    return send(vcpu, gpr[GPR_RBX] & mask, first, &message) +
           send(vcpu, gpr[GPR_RCX] & mask, first + half, &message);
}

uint64_t paravirt_call(struct vcpu *vcpu, uint64_t number)
{
    if (vcpu->vm->config.no_paravirt) {
        return -(uint64_t)KVM_ERROR_NOSYS;
    }
    switch (number) {
    case KVM_HC_KICK_CPU:
        return kick(vcpu);
    case KVM_HC_SEND_IPI:
        return send_ipi(vcpu);
    default:
        return -(uint64_t)KVM_ERROR_NOSYS;
    }
}
