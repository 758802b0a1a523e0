// SPDX-License-Identifier: MIT
// Chooses who runs next: the runnable vCPU with the least virtual time.
#include "vmm/scheduler.h"

#include "vmm/vcpu.h"
#include "vmm/vm_hold.h"

// How often others' time may be cut short because a vCPU has got work that must wait for its CPU.
#define WAKE_INTERVAL_NS 100000ULL

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu)
{
    *scheduler = (struct scheduler){.vmm = vmm, .cpu = cpu};
    vmm->schedulers[cpu] = scheduler;
}

static struct vm_slot *slot_of(const struct vcpu *vcpu)
{
    return &vcpu->vm->slots[vcpu->index];
}

// A vCPU that slept runs soon after it wakes, but has saved up no more than one slice: otherwise it
// could then keep the CPU from others for as long as it slept.
static void catch_up(const struct scheduler *scheduler, struct vm_slot *slot)
{
    uint64_t now = scheduler->virtual_time_ns;
    uint64_t earliest = now > SCHEDULER_SLICE_NS ? now - SCHEDULER_SLICE_NS : 0;
    slot->virtual_time_ns = MAX(slot->virtual_time_ns, earliest);
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
    catch_up(scheduler, slot_of(vcpu));
    if (!choice->vcpu || slot_of(vcpu)->virtual_time_ns < slot_of(choice->vcpu)->virtual_time_ns) {
        choice->vcpu = vcpu;
    }
}

// The vCPUs that a VM has on this CPU.
static void consider_vm(const struct scheduler *scheduler, struct vm *vm, struct choice *choice)
{
    if (vm_home_cpu(vm) == scheduler->cpu) {
        choice->wake_ns = MIN(choice->wake_ns, vm_settle(vm));
    }
    if (!vm_wants_to_run(vm)) {
        vm_release_here(vm);
        return;
    }
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->slots[i].cpu == scheduler->cpu && vm_hold(vm, i)) {
            consider(scheduler, vm->vcpus[i], choice);
        }
    }
}

// What a vCPU finds in its mail can be work for another that was considered already, or end the VM.
static struct choice choose(struct scheduler *scheduler)
{
    scheduler->look_again = false;
    struct choice choice = {.vcpu = NULL, .wake_ns = NEVER_NS};
    unsigned count = __atomic_load_n(&scheduler->vmm->vm_count, __ATOMIC_ACQUIRE);
    bool usable = scheduler->vmm->runs_guests[scheduler->cpu]; // not any more before a power-off
    for (unsigned i = 0; usable && i < count; i++) {
        consider_vm(scheduler, scheduler->vmm->vms[i], &choice);
    }
    if (scheduler->look_again) {
        choice.wake_ns = scheduler->vmm->host->now_ns();
    }
    return choice;
}

static void run(struct scheduler *scheduler, struct vcpu *vcpu, uint64_t wake_ns)
{
    const struct host *host = scheduler->vmm->host;
    struct vm_slot *slot = slot_of(vcpu);
    uint64_t start_ns = host->now_ns();
    scheduler->virtual_time_ns = MAX(scheduler->virtual_time_ns, slot->virtual_time_ns);
    host->space_enter(&vcpu->vm->space);
    // A VM that sleeps, with a timer of a few ns, must not cut the others' slices to nothing.
    uint64_t end_ns =
        MIN(start_ns + SCHEDULER_SLICE_NS, MAX(wake_ns, start_ns + SCHEDULER_SLICE_MIN_NS));
    // The back end has means of its own to be in time, but those may stand still while it handles
    // exits.
    host->set_deadline(end_ns);
    __atomic_store_n(&scheduler->current, vcpu, __ATOMIC_SEQ_CST);
    vcpu_run(vcpu, end_ns);
    __atomic_store_n(&scheduler->current, NULL, __ATOMIC_SEQ_CST);
    uint64_t used_ns = host->now_ns() - start_ns;
    vcpu->run_ns += used_ns;
    slot->virtual_time_ns += used_ns;
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

// ---- From any CPU ----

bool scheduler_runs_here(const struct scheduler *scheduler, const struct vcpu *vcpu)
{
    return scheduler->vmm->host->this_cpu() == scheduler->cpu &&
           __atomic_load_n(&scheduler->current, __ATOMIC_RELAXED) == vcpu;
}

// A VM whose vCPUs send each other interrupts all the time would otherwise take the time of others,
// who share a CPU with the receiver, piece by piece.
static bool may_disturb(const struct host *host, struct vcpu *vcpu)
{
    uint64_t now_ns = host->now_ns();
    uint64_t woken_ns = __atomic_load_n(&vcpu->woken_ns, __ATOMIC_RELAXED);
    if (now_ns - woken_ns < WAKE_INTERVAL_NS) {
        return false;
    }
    __atomic_store_n(&vcpu->woken_ns, now_ns, __ATOMIC_RELAXED);
    return true;
}

void scheduler_wake(struct scheduler *scheduler, struct vcpu *vcpu, bool known)
{
    const struct host *host = scheduler->vmm->host;
    struct vcpu *current = __atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST);
    bool here = host->this_cpu() == scheduler->cpu;
    if (current == vcpu) {
        if (!here && !known) {
            host->kick(scheduler->cpu);
        }
    } else if (current == NULL) {
        if (here) {
            scheduler->look_again = true;
        } else {
            host->kick(scheduler->cpu);
        }
    } else if (may_disturb(host, vcpu)) {
        if (here) {
            vcpu_post_work(current, WORK_HOST);
        } else {
            host->kick(scheduler->cpu);
        }
    }
}
