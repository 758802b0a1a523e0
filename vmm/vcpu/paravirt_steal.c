// SPDX-License-Identifier: MIT
// Counts a vCPU's steal time, and fills the structure that tells the guest.
#include "vmm/vcpu/paravirt_steal.h"

#include "arch/x86/kvm_interface.h"
#include "vmm/address.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/vcpu/paravirt.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// NULL: the guest has not asked for it.
static struct kvm_steal_time *structure_of(const struct vcpu *vcpu)
{
    uint64_t value = vcpu->paravirt.steal_time;
    if (!(value & MSR_KVM_ENABLE)) {
        return NULL;
    }
    return (struct kvm_steal_time *)guest_memory_at(
        &vcpu->vm->memory, gpa(value & ~(uint64_t)MSR_KVM_ENABLE), sizeof(struct kvm_steal_time));
}

// The version continues from what the guest has in it.
static NOT_INLINE void tell(const struct vcpu *vcpu, uint8_t preempted)
{
    struct kvm_steal_time *time = structure_of(vcpu);
    if (!time) {
        return;
    }
    uint32_t odd = __atomic_load_n(&time->version, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&time->version, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&time->steal, vcpu->paravirt.stolen_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&time->flags, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&time->preempted, preempted, __ATOMIC_RELAXED);
    __atomic_store_n(&time->version, odd + 1, __ATOMIC_RELEASE);
}

void paravirt_steal_set(struct vcpu *vcpu, uint64_t value)
{
    vcpu->paravirt.steal_time = value;
    tell(vcpu, 0);
}

void paravirt_steal_run(struct vcpu *vcpu, uint64_t waited_ns)
{
    vcpu->paravirt.stolen_ns += waited_ns;
    if (vcpu->paravirt.steal_time) {
        tell(vcpu, 0);
    }
}

void paravirt_steal_preempt(struct vcpu *vcpu)
{
    if (vcpu->paravirt.steal_time) {
        tell(vcpu, KVM_STEAL_TIME_PREEMPTED);
    }
}
