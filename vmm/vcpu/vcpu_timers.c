// SPDX-License-Identifier: MIT
// The timer of a vCPU's local APIC, and those of its VM's devices, which the first vCPU keeps.
#include "vmm/vcpu/vcpu_timers.h"

#include "vmm/backend.h"
#include "vmm/board/pc_time.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

void vcpu_advance_devices(struct vcpu *vcpu)
{
    if (vcpu->index == 0) {
        pc_advance(vcpu->vm->pc, vm_now_ns(vcpu->vm));
    }
}

void vcpu_advance_lapic(struct vcpu *vcpu)
{
    lapic_advance(&vcpu->lapic, vm_now_ns(vcpu->vm));
}

void vcpu_advance_timers(struct vcpu *vcpu)
{
    if (vcpu->index == 0) {
        pc_advance_timers(vcpu->vm->pc, vm_now_ns(vcpu->vm));
    }
    vcpu_advance_lapic(vcpu);
}

bool vcpu_devices_wait(const struct vcpu *vcpu)
{
    return vcpu->index == 0 && pc_virtio_waits(vcpu->vm->pc);
}

// The deadline is no later than next_event_ns, and it may move up to there while the guest runs.
void vcpu_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    uint64_t base_ns = vcpu->vm->clock_base_ns;
    if (due_ns >= vcpu->next_event_ns - base_ns) {
        return;
    }
    if (due_ns < vcpu->core.deadline_ns - base_ns) {
        vcpu_post_work(vcpu, WORK_TIMERS);
    } else {
        vcpu->next_event_ns = due_ns + base_ns;
    }
}

// The host time at which the VM's clock reads `ns`.
static uint64_t host_ns(const struct vm *vm, uint64_t ns)
{
    return ns < NEVER_NS - vm->clock_base_ns ? ns + vm->clock_base_ns : NEVER_NS;
}

void vcpu_device_timer_set(struct vcpu *vcpu, uint64_t due_ns)
{
    if (scheduler_runs_here(vcpu)) {
        vcpu->devices_event_ns = MIN(vcpu->devices_event_ns, host_ns(vcpu->vm, due_ns));
        vcpu_timer_set(vcpu, due_ns);
    } else {
        scheduler_notify(vcpu, WORK_TIMERS, WAKE_ALWAYS);
    }
}

uint64_t vcpu_lapic_event_ns(const struct vcpu *vcpu)
{
    return host_ns(vcpu->vm, lapic_next_event_ns(&vcpu->lapic));
}

static uint64_t devices_event_ns(const struct vcpu *vcpu, bool waits)
{
    const struct vm *vm = vcpu->vm;
    return vcpu->index == 0 ? host_ns(vm, pc_next_event_ns(vm->pc, vm_now_ns(vm), waits))
                            : NEVER_NS;
}

uint64_t vcpu_devices_event_ns(const struct vcpu *vcpu)
{
    return devices_event_ns(vcpu, false);
}

uint64_t vcpu_wake_event_ns(struct vcpu *vcpu)
{
    vcpu_apic_refresh(vcpu);
    uint64_t timer_ns = vcpu->asleep ? NEVER_NS : lapic_wake_event_ns(&vcpu->lapic);
    return MIN(host_ns(vcpu->vm, timer_ns), devices_event_ns(vcpu, true));
}
