// SPDX-License-Identifier: MIT
// The timer of a vCPU's local APIC, and those of its VM's devices, which the first vCPU keeps.
#include "vmm/vcpu/vcpu_timers.h"

#include "vmm/backend.h"
#include "vmm/board/pc_time.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

void vcpu_advance_timers(struct vcpu *vcpu)
{
    uint64_t now_ns = vm_now_ns(vcpu->vm);
    if (vcpu->index == 0) {
        pc_advance(vcpu->vm->pc, now_ns);
    }
    lapic_advance(&vcpu->lapic, now_ns);
}

void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (due_ns < vcpu->core.deadline_ns - vcpu->vm->clock_base_ns) {
        vcpu_post_work(vcpu, WORK_TIMERS);
    }
}

void vcpu_device_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (scheduler_runs_here(vcpu)) {
        vcpu_timer_set(vcpu, due_ns);
    } else {
        scheduler_notify(vcpu, WORK_TIMERS, WAKE_ALWAYS);
    }
}

// The host time of the first event of the local APIC's timer, which is due at `timer_ns` of the
// VM's clock, and of the devices.
static uint64_t first_event_ns(const struct vcpu *vcpu, uint64_t timer_ns, bool waits)
{
    const struct vm *vm = vcpu->vm;
    uint64_t next = timer_ns;
    if (vcpu->index == 0) {
        next = MIN(next, pc_next_event_ns(vm->pc, vm_now_ns(vm), waits));
    }
    return next < NEVER_NS - vm->clock_base_ns ? next + vm->clock_base_ns : NEVER_NS;
}

uint64_t vcpu_next_event_ns(const struct vcpu *vcpu)
{
    return first_event_ns(vcpu, lapic_next_event_ns(&vcpu->lapic), false);
}

uint64_t vcpu_wake_event_ns(struct vcpu *vcpu)
{
    vcpu_apic_refresh(vcpu);
    uint64_t timer_ns = vcpu->asleep ? NEVER_NS : lapic_wake_event_ns(&vcpu->lapic);
    return first_event_ns(vcpu, timer_ns, true);
}
