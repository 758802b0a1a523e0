// SPDX-License-Identifier: MIT
// Chooses who runs next: the runnable vCPU with the least virtual time.
#include "vmm/scheduler.h"

#include "vmm/vcpu.h"

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu)
{
    *scheduler = (struct scheduler){.vmm = vmm, .cpu = cpu};
    vmm->schedulers[cpu] = scheduler;
}

// A vCPU that slept runs soon after it wakes, but has saved up no more than one slice: otherwise it
// could then keep the CPU from others for as long as it slept.
static void catch_up(const struct scheduler *scheduler, struct vcpu *vcpu)
{
    uint64_t now = scheduler->virtual_time_ns;
    uint64_t earliest = now > SCHEDULER_SLICE_NS ? now - SCHEDULER_SLICE_NS : 0;
    vcpu->vm->virtual_time_ns = MAX(vcpu->vm->virtual_time_ns, earliest);
}

struct choice {
    struct vcpu *vcpu;
    uint64_t wake_ns; // when one of the others wants to run
};

static void consider(const struct scheduler *scheduler, struct vcpu *vcpu, struct choice *choice)
{
    if (!vcpu_runnable(vcpu)) {
        choice->wake_ns = MIN(choice->wake_ns, vcpu_next_event_ns(vcpu));
        return;
    }
    catch_up(scheduler, vcpu);
    if (!choice->vcpu || vcpu->vm->virtual_time_ns < choice->vcpu->vm->virtual_time_ns) {
        choice->vcpu = vcpu;
    }
}

static struct choice choose(const struct scheduler *scheduler)
{
    struct choice choice = {.vcpu = NULL, .wake_ns = NEVER_NS};
    unsigned count = __atomic_load_n(&scheduler->vmm->vm_count, __ATOMIC_ACQUIRE);
    bool usable = scheduler->vmm->runs_guests[scheduler->cpu]; // not any more before a power-off
    for (unsigned i = 0; usable && i < count; i++) {
        struct vm *vm = scheduler->vmm->vms[i];
        if (vm->cpu != scheduler->cpu) {
            continue;
        }
        choice.wake_ns = MIN(choice.wake_ns, vm_settle(vm));
        if (vm_wants_to_run(vm)) {
            consider(scheduler, vm->vcpus[0], &choice);
        }
    }
    return choice;
}

static void run(struct scheduler *scheduler, struct vcpu *vcpu, uint64_t wake_ns)
{
    const struct host *host = scheduler->vmm->host;
    uint64_t start_ns = host->now_ns();
    scheduler->virtual_time_ns = MAX(scheduler->virtual_time_ns, vcpu->vm->virtual_time_ns);
    host->space_enter(&vcpu->vm->space);
    // A VM that sleeps, with a timer of a few ns, must not cut the others' slices to nothing.
    uint64_t end_ns =
        MIN(start_ns + SCHEDULER_SLICE_NS, MAX(wake_ns, start_ns + SCHEDULER_SLICE_MIN_NS));
    // The back end has means of its own to be in time, but those may stand still while it handles
    // exits.
    host->set_deadline(end_ns);
    vcpu_run(vcpu, end_ns);
    uint64_t used_ns = host->now_ns() - start_ns;
    vcpu->run_ns += used_ns;
    vcpu->vm->virtual_time_ns += used_ns;
    scheduler->busy_ns += used_ns;
}

bool scheduler_step(struct scheduler *scheduler, uint64_t *wake_ns)
{
    struct choice choice = choose(scheduler);
    *wake_ns = choice.wake_ns;
    if (!choice.vcpu) {
        return false;
    }
    run(scheduler, choice.vcpu, choice.wake_ns);
    return true;
}
