// SPDX-License-Identifier: MIT
// Chooses what runs next: the runnable vCPU, or the start of a VM, with the least virtual time.
#include "vmm/vm/scheduler_step.h"

#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

// A start does not see kicks, so calls from other CPUs wait for up to this time. Each turn of a
// start costs about 1500 instructions of the main loop, so much shorter turns would slow starts.
#define START_RUN_NS 2000000ULL

// A vCPU that slept runs soon after it wakes, but it has saved up no more than one slice. Otherwise
// it could keep the CPU for as long as it slept.
static void catch_up(const struct scheduler *scheduler, struct vm_slot *slot)
{
    uint64_t now = scheduler->virtual_time_ns;
    uint64_t earliest = now > SCHEDULER_SLICE_NS ? now - SCHEDULER_SLICE_NS : 0;
    slot->virtual_time_ns = MAX(slot->virtual_time_ns, earliest);
}

struct choice {
    struct vm *vm;    // NULL: none wants to run
    unsigned index;   // of its vCPU; 0 if the VM is in work, because none runs then
    uint64_t next_ns; // virtual time of the second choice; 0: there is none
    uint64_t wake_ns; // when one that cannot run now will want to
};

static struct vm_slot *slot_of(const struct choice *choice)
{
    return &choice->vm->slots[choice->index];
}

// Compares a vCPU or a start that could run with the choice so far.
static void compete(const struct scheduler *scheduler, struct vm *vm, unsigned index,
                    struct choice *choice)
{
    struct vm_slot *slot = &vm->slots[index];
    struct vm_slot *other = choice->vm ? slot_of(choice) : NULL;
    catch_up(scheduler, slot);
    if (!other || slot->virtual_time_ns < other->virtual_time_ns) {
        choice->vm = vm;
        choice->index = index;
    } else {
        other = slot;
    }
    if (other) {
        uint64_t time_ns = other->virtual_time_ns;
        choice->next_ns = choice->next_ns ? MIN(choice->next_ns, time_ns) : MAX(time_ns, 1U);
    }
}

// Begins a reset or restart of the VM that is due, and lets its start compete.
static void consider_life(const struct scheduler *scheduler, struct vm *vm, struct choice *choice)
{
    uint64_t due_ns = vm_begin_due_start(vm);
    choice->wake_ns = MIN(choice->wake_ns, due_ns);
    if (vm_is_in_work(vm)) {
        compete(scheduler, vm, 0, choice);
    }
}

static void consider_vcpu(const struct scheduler *scheduler, struct vcpu *vcpu,
                          struct choice *choice)
{
    if (vcpu_runnable(vcpu)) {
        compete(scheduler, vcpu->vm, vcpu->index, choice);
    } else {
        choice->wake_ns = MIN(choice->wake_ns, vcpu_wake_event_ns(vcpu));
    }
}

// The vCPUs that a VM has on this CPU.
static void consider_vm(const struct scheduler *scheduler, struct vm *vm, struct choice *choice)
{
    if (vm_home_cpu(vm) == scheduler->cpu) {
        consider_life(scheduler, vm, choice);
    }
    if (!vm_wants_to_run(vm)) {
        vm_release_here(vm);
        return;
    }
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        if (vm->slots[i].cpu == scheduler->cpu && vm_hold(vm, i)) {
            consider_vcpu(scheduler, vm->vcpus[i], choice);
        }
    }
}

static struct choice choose(const struct scheduler *scheduler)
{
    struct choice choice = {.vm = NULL, .wake_ns = NEVER_NS};
    unsigned count = __atomic_load_n(&scheduler->vmm->vm_count, __ATOMIC_ACQUIRE);
    bool usable = scheduler->vmm->runs_guests[scheduler->cpu]; // false just before a power-off
    for (unsigned i = 0; usable && i < count; i++) {
        consider_vm(scheduler, scheduler->vmm->vms[i], &choice);
    }
    return choice;
}

// Moves a vCPU that gives way behind the second choice. Otherwise it would be chosen again, because
// it still has the least virtual time.
static void give_way(struct vcpu *vcpu, struct vm_slot *slot, uint64_t next_ns)
{
    if (vcpu->gives_way) {
        vcpu->gives_way = false;
        slot->virtual_time_ns = MAX(slot->virtual_time_ns, next_ns + 1);
    }
}

// Enters the guest.
static void run_vcpu(struct scheduler *scheduler, struct vcpu *vcpu, uint64_t end_ns)
{
    const struct host *host = scheduler->vmm->host;
    host->space_enter(&vcpu->vm->space);
    // The back end has timers of its own to end the run in time, but they may stand still while it
    // handles exits.
    host->set_deadline(end_ns);
    __atomic_store_n(&scheduler->current, vcpu, __ATOMIC_SEQ_CST);
    vcpu_run(vcpu, end_ns);
    __atomic_store_n(&scheduler->current, NULL, __ATOMIC_SEQ_CST);
}

// `begin_ns` is the time at which the choosing began. Choosing is charged to the chosen one:
// otherwise others would pay for a vCPU that makes it happen often.
static void run(struct scheduler *scheduler, const struct choice *choice, uint64_t begin_ns)
{
    const struct host *host = scheduler->vmm->host;
    struct vm_slot *slot = slot_of(choice);
    bool is_start = vm_is_in_work(choice->vm);
    struct vcpu *vcpu = is_start ? NULL : choice->vm->vcpus[choice->index];
    uint64_t start_ns = host->now_ns();
    scheduler->virtual_time_ns = MAX(scheduler->virtual_time_ns, slot->virtual_time_ns);
    // A VM that sleeps with a timer of a few ns must not cut the slices of others to nothing.
    uint64_t end_ns = MIN(start_ns + (vcpu ? SCHEDULER_SLICE_NS : START_RUN_NS),
                          MAX(choice->wake_ns, start_ns + SCHEDULER_SLICE_MIN_NS));
    if (vcpu) {
        run_vcpu(scheduler, vcpu, end_ns);
    } else {
        vm_continue(choice->vm, end_ns);
    }
    uint64_t used_ns = host->now_ns() - begin_ns;
    slot->virtual_time_ns += used_ns;
    scheduler->busy_ns += used_ns;
    if (vcpu) {
        vcpu->run_ns += used_ns;
        give_way(vcpu, slot, choice->next_ns);
    }
}

// Chooses. If none wants to run, it looks once more for vCPUs that were woken without a kick during
// the choosing.
static struct choice choose_or_idle(struct scheduler *scheduler)
{
    __atomic_store_n(&scheduler->idle, false, __ATOMIC_SEQ_CST);
    struct choice choice = choose(scheduler);
    if (choice.vm) {
        return choice;
    }
    __atomic_store_n(&scheduler->idle, true, __ATOMIC_SEQ_CST);
    if (__atomic_exchange_n(&scheduler->missed, false, __ATOMIC_SEQ_CST)) {
        choice = choose(scheduler);
    }
    // The mail of a vCPU can hold work for another that was considered already, or can end the VM.
    if (__atomic_load_n(&scheduler->missed, __ATOMIC_SEQ_CST)) {
        choice.wake_ns = scheduler->vmm->host->now_ns();
    }
    return choice;
}

bool scheduler_step(struct scheduler *scheduler, uint64_t *wake_ns)
{
    uint64_t begin_ns = scheduler->vmm->host->now_ns();
    struct choice choice = choose_or_idle(scheduler);
    *wake_ns = choice.wake_ns;
    if (!choice.vm) {
        return false;
    }
    run(scheduler, &choice, begin_ns);
    return true;
}
