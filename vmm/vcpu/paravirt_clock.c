// SPDX-License-Identifier: MIT
// Fills the structures of kvm-clock.
//
// The VM's clock and its TSC begin with 0 at the same time, and both stand still while the VM is
// paused. So a vCPU's structure stays right until the guest sets the TSC.
#include "vmm/vcpu/paravirt_clock.h"

#include "arch/x86/kvm_interface.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/vcpu/paravirt.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// A store of more than 4 bytes is no single one: the guest sees an odd version meanwhile. The
// address need not be a multiple of 8.
static void fill(struct vm *vm, gpa_t address, const void *structure, uint64_t bytes)
{
    uint8_t *to = guest_memory_at(&vm->memory, address, bytes);
    const uint8_t *from = structure;
    if (!to) {
        return;
    }
    uint32_t *version = (uint32_t *)(void *)to; // the first member
    vm->paravirt_clock.version += 2;
    __atomic_store_n(version, vm->paravirt_clock.version - 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    memcpy(to + sizeof(*version), from + sizeof(*version), bytes - sizeof(*version));
    __atomic_store_n(version, vm->paravirt_clock.version, __ATOMIC_RELEASE);
}

// The factor is Husk's own (arch/x86/clock_scale.h), so that this clock and those of the VM's
// devices do not drift apart.
static void set_rate(struct kvm_system_time *time, uint64_t hz)
{
    uint64_t factor = (NS_PER_S << 32) / hz;
    while (factor >> time->tsc_shift > UINT32_MAX) {
        time->tsc_shift++;
    }
    time->tsc_to_system_mul = (uint32_t)(factor >> time->tsc_shift);
}

static uint64_t tsc_adjust_of(const struct vcpu *vcpu)
{
    return __atomic_load_n(&vcpu->tsc_adjust, __ATOMIC_RELAXED);
}

static bool tscs_are_equal(const struct vm *vm)
{
    for (unsigned i = 1; i < vm->config.vcpus; i++) {
        if (tsc_adjust_of(vm->vcpus[i]) != tsc_adjust_of(vm->vcpus[0])) {
            return false;
        }
    }
    return true;
}

// With the lock held.
static void tell(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    uint64_t value = vcpu->paravirt.system_time;
    if (!(value & MSR_KVM_ENABLE)) {
        return;
    }
    struct kvm_system_time time = {.tsc_timestamp = tsc_adjust_of(vcpu),
                                   .flags = tscs_are_equal(vm) ? KVM_SYSTEM_TIME_STABLE : 0};
    set_rate(&time, vcpu->host->tsc_hz());
    fill(vm, gpa(value & ~(uint64_t)MSR_KVM_ENABLE), &time, sizeof(time));
}

void paravirt_clock_set(struct vcpu *vcpu, uint64_t value)
{
    lock_take(&vcpu->vm->paravirt_clock.lock);
    vcpu->paravirt.system_time = value;
    tell(vcpu);
    lock_give(&vcpu->vm->paravirt_clock.lock);
}

void paravirt_clock_adjust(struct vcpu *vcpu)
{
    struct vm *vm = vcpu->vm;
    lock_take(&vm->paravirt_clock.lock);
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        tell(vm->vcpus[i]);
    }
    lock_give(&vm->paravirt_clock.lock);
}

// The date at which the host's clock read 0. Its seconds and those of the date change together.
static uint64_t host_began_s(const struct host *host)
{
    uint64_t seconds;
    uint64_t date_s;
    do {
        seconds = host->now_ns() / NS_PER_S;
        date_s = host->wall_clock_s();
    } while (host->now_ns() / NS_PER_S != seconds);
    return date_s - seconds;
}

void paravirt_wall_clock_tell(struct vm *vm, gpa_t address)
{
    uint64_t began_ns = host_began_s(vm->vmm->host) * NS_PER_S + vm->clock_base_ns;
    struct kvm_wall_clock clock = {.seconds = (uint32_t)(began_ns / NS_PER_S),
                                   .nanoseconds = (uint32_t)(began_ns % NS_PER_S)};
    lock_take(&vm->paravirt_clock.lock);
    fill(vm, address, &clock, sizeof(clock));
    lock_give(&vm->paravirt_clock.lock);
}
