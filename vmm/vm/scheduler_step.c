// SPDX-License-Identifier: MIT
// Runs what is next on a CPU.
#include "vmm/vm/scheduler_step.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/paravirt_steal.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/scheduler_run.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

// How long a start or stop keeps the CPU at a time if other VMs have vCPUs there, because it does
// not see kicks. Each turn costs about 1500 instructions, so a start or stop that has the CPU for
// itself takes whole slices.
#define START_TURN_NS 1000000ULL

// ---- Running ----

// Something may have come into the inbox after the look at it, when `current` was not set yet.
static uint64_t end_with_mail_ns(const struct scheduler *scheduler, uint64_t end_ns)
{
    uint64_t soon_ns = scheduler->charged_ns + scheduler_least_run_ns(scheduler);
    return scheduler_has_mail(scheduler) ? MIN(end_ns, soon_ns) : end_ns;
}

static uint64_t waited_ns(const struct scheduler *scheduler, const struct vm_slot *slot)
{
    uint64_t ready_ns = __atomic_load_n(&slot->ready_ns, __ATOMIC_RELAXED);
    return scheduler->charged_ns - MIN(ready_ns, scheduler->charged_ns);
}

// Enters the guest.
static void run_vcpu(struct scheduler *scheduler, struct vcpu *vcpu, uint64_t end_ns)
{
    const struct host *host = scheduler->vmm->host;
    uint32_t id = scheduler_id(vcpu->vm, vcpu->index);
    host->space_enter(&vcpu->vm->space);
    paravirt_steal_run(vcpu,
                       vcpu_waits(vcpu) ? 0 : waited_ns(scheduler, &vcpu->vm->slots[vcpu->index]));
    __atomic_store_n(&scheduler->current, id, __ATOMIC_SEQ_CST);
    end_ns = end_with_mail_ns(scheduler, end_ns);
    // The back end's own timer ends the run in time, but it may stand still during exits.
    host->set_deadline(end_ns + HOST_LATE_NS);
    vcpu_run(vcpu, end_ns);
    __atomic_store_n(&scheduler->current, 0, __ATOMIC_SEQ_CST);
}

// The usual time from the end of a run to the beginning of the next.
static void note_turn(struct scheduler *scheduler)
{
    if (scheduler->ended_ns) {
        uint64_t turn_ns = scheduler->charged_ns - scheduler->ended_ns;
        scheduler->turn_ns = (7 * scheduler->turn_ns + turn_ns) / 8;
    }
}

static void after_run(struct scheduler *scheduler, struct vm *vm, unsigned index)
{
    struct vcpu *vcpu = vm->vcpus[index];
    vcpu->run_ns += scheduler_charge_vm(scheduler, vm);
    scheduler->ended_ns = scheduler->charged_ns;
    __atomic_store_n(&vm->slots[index].ready_ns, scheduler->ended_ns, __ATOMIC_RELAXED);
    if (vcpu->gives_way) {
        vcpu->gives_way = false;
        scheduler_give_way(scheduler, vm, index);
    }
    bool ended_itself = vcpu_waits(vcpu); // by a HLT, or after a turn of its devices
    scheduler_look_after(scheduler, vm, index);
    // If the look has begun a reset, the vCPU is not held, and its memory is not entered.
    if (vm->slots[index].held && !vcpu_waits(vcpu) &&
        (scheduler_account(scheduler, vm)->ready & BIT(index))) {
        paravirt_steal_preempt(vcpu);
    }
    scheduler->kicked = !ended_itself && scheduler->ended_ns < vcpu->core.run_end_ns &&
                        scheduler_slice_goes_on(scheduler);
}

// Whether this CPU builds the VM or tears it down. No vCPU of the VM runs then.
static bool is_built_here(const struct scheduler *scheduler, const struct vm *vm)
{
    return vm_home_cpu(vm) == scheduler->cpu && vm_is_in_work(vm);
}

static void run(struct scheduler *scheduler, struct vm *vm)
{
    bool in_work = is_built_here(scheduler, vm);
    unsigned index = in_work ? 0 : scheduler_next_vcpu(scheduler, vm);
    scheduler->attended |= scheduler->slice != scheduler_id(vm, index);
    scheduler_begin_slice(scheduler, vm, index);
    uint64_t end_ns = scheduler_run_end_ns(scheduler, vm);
    if (in_work) {
        uint64_t turn_ns = scheduler->present ? START_TURN_NS : SCHEDULER_SLICE_NS;
        vm_continue(vm, MIN(end_ns, scheduler->charged_ns + turn_ns));
        scheduler->ended_ns = 0; // the turn is no part of the time between two runs
        if (!vm_is_in_work(vm)) {
            scheduler_look_at_vm(scheduler, vm);
        }
    } else {
        note_turn(scheduler);
        run_vcpu(scheduler, vm->vcpus[index], end_ns);
        after_run(scheduler, vm, index);
    }
    scheduler_charge_vm(scheduler, vm);
}

// A slice is over when the VM no longer wants to run, or when too little is left of it for a run.
static void end_old_slice(struct scheduler *scheduler)
{
    if (!scheduler_slice_goes_on(scheduler) ||
        scheduler->charged_ns + scheduler_least_run_ns(scheduler) > scheduler->slice_end_ns) {
        scheduler_end_slice(scheduler);
    }
}

static bool can_run(const struct scheduler *scheduler, struct vm *vm)
{
    return is_built_here(scheduler, vm) ||
           (vm_wants_to_run(vm) && vm_hold(vm, scheduler_next_vcpu(scheduler, vm)));
}

// The VM to run. A VM whose state was changed since the last look may not want to run any more.
static struct vm *choose(struct scheduler *scheduler)
{
    struct vm *vm = scheduler_next_vm(scheduler);
    while (vm && !can_run(scheduler, vm)) {
        scheduler_look_at_vm(scheduler, vm);
        scheduler_charge_vm(scheduler, vm);
        vm = scheduler_next_vm(scheduler);
    }
    return vm;
}

static uint64_t first_wake_ns(const struct scheduler *scheduler)
{
    uint64_t wake_ns = NEVER_NS;
    for (uint64_t left = scheduler->timed; left != 0; left &= left - 1) {
        wake_ns = MIN(wake_ns, scheduler->accounts[__builtin_ctzll(left)].wake_ns);
    }
    return wake_ns;
}

bool scheduler_step(struct scheduler *scheduler, uint64_t until_ns, uint64_t *wake_ns)
{
    scheduler_charge_house(scheduler);
    scheduler->until_ns = until_ns;
    __atomic_store_n(&scheduler->idle, false, __ATOMIC_SEQ_CST);
    *wake_ns = NEVER_NS;
    if (!scheduler->vmm->runs_guests[scheduler->cpu]) { // just before a power-off
        return false;
    }
    scheduler_look(scheduler);
    end_old_slice(scheduler);
    struct vm *vm = choose(scheduler);
    if (vm) {
        run(scheduler, vm);
        return true;
    }
    scheduler->ended_ns = 0;
    *wake_ns = first_wake_ns(scheduler);
    __atomic_store_n(&scheduler->idle, true, __ATOMIC_SEQ_CST);
    if (scheduler_has_mail(scheduler)) { // it came after the look
        *wake_ns = scheduler->charged_ns;
    }
    return false;
}
