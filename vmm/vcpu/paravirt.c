// SPDX-License-Identifier: MIT
// KVM's MSRs.
#include "vmm/vcpu/paravirt.h"

#include "arch/x86/kvm_interface.h"
#include "vmm/address.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/vcpu/paravirt_clock.h"
#include "vmm/vcpu/paravirt_steal.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// Whether `value` is the address of `bytes` of RAM with that alignment.
static bool is_place(const struct vcpu *vcpu, uint64_t value, uint64_t bytes, uint64_t alignment)
{
    return IS_ALIGNED(value, alignment) && guest_memory_at(&vcpu->vm->memory, gpa(value), bytes);
}

// The same for an MSR with an enable bit. Switched off, it may hold anything.
static bool is_place_or_off(const struct vcpu *vcpu, uint64_t value, uint64_t bytes,
                            uint64_t alignment)
{
    return !(value & MSR_KVM_ENABLE) ||
           is_place(vcpu, value & ~(uint64_t)MSR_KVM_ENABLE, bytes, alignment);
}

bool paravirt_read_msr(const struct vcpu *vcpu, uint32_t msr, uint64_t *value)
{
    switch (msr) {
    case MSR_KVM_WALL_CLOCK:
        *value = vcpu->paravirt.wall_clock;
        break;
    case MSR_KVM_SYSTEM_TIME:
        *value = vcpu->paravirt.system_time;
        break;
    case MSR_KVM_STEAL_TIME:
        *value = vcpu->paravirt.steal_time;
        break;
    default:
        return false;
    }
    return !vcpu->vm->config.no_paravirt;
}

static bool write_wall_clock(struct vcpu *vcpu, uint64_t value)
{
    if (!is_place(vcpu, value, sizeof(struct kvm_wall_clock), sizeof(uint32_t))) {
        return false;
    }
    vcpu->paravirt.wall_clock = value;
    paravirt_wall_clock_tell(vcpu->vm, gpa(value));
    return true;
}

static bool write_system_time(struct vcpu *vcpu, uint64_t value)
{
    if (!is_place_or_off(vcpu, value, sizeof(struct kvm_system_time), sizeof(uint32_t))) {
        return false;
    }
    paravirt_clock_set(vcpu, value);
    return true;
}

static bool write_steal_time(struct vcpu *vcpu, uint64_t value)
{
    uint64_t bytes = sizeof(struct kvm_steal_time);
    if ((value & MSR_KVM_STEAL_TIME_RESERVED) || !is_place_or_off(vcpu, value, bytes, bytes)) {
        return false;
    }
    paravirt_steal_set(vcpu, value);
    return true;
}

bool paravirt_write_msr(struct vcpu *vcpu, uint32_t msr, uint64_t value)
{
    if (vcpu->vm->config.no_paravirt) {
        return false;
    }
    switch (msr) {
    case MSR_KVM_WALL_CLOCK:
        return write_wall_clock(vcpu, value);
    case MSR_KVM_SYSTEM_TIME:
        return write_system_time(vcpu, value);
    case MSR_KVM_STEAL_TIME:
        return write_steal_time(vcpu, value);
    default:
        return false;
    }
}

void paravirt_reset(struct vcpu *vcpu)
{
    vcpu->paravirt.wall_clock = 0;
    paravirt_clock_set(vcpu, 0);
    paravirt_steal_set(vcpu, 0);
}
