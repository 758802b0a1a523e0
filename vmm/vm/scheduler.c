// SPDX-License-Identifier: MIT
// Fills the inbox of a CPU's scheduler, and decides whether the CPU is kicked for that.
#include "vmm/vm/scheduler.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu)
{
    *scheduler = (struct scheduler){.vmm = vmm, .cpu = cpu, .idle = true};
    scheduler->charged_ns = vmm->host->now_ns();
    for (unsigned i = 0; i < VMS_MAX; i++) {
        scheduler->accounts[i].life_ns = NEVER_NS;
        scheduler->accounts[i].wake_ns = NEVER_NS;
    }
    vmm->schedulers[cpu] = scheduler;
}

// The scheduler of the CPU that the vCPU is pinned to.
static struct scheduler *scheduler_of(const struct vm *vm, unsigned index)
{
    return vm->vmm->schedulers[vm->slots[index].cpu];
}

static uint32_t current_of(const struct scheduler *scheduler)
{
    return __atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST);
}

static bool is_here(const struct scheduler *scheduler)
{
    return scheduler->vmm->host->this_cpu() == scheduler->cpu;
}

bool scheduler_runs_here(const struct vcpu *vcpu)
{
    const struct scheduler *scheduler = scheduler_of(vcpu->vm, vcpu->index);
    return is_here(scheduler) && current_of(scheduler) == scheduler_id(vcpu->vm, vcpu->index);
}

// Ends what that CPU does: the run of a vCPU, or its idle wait.
static void kick(const struct scheduler *scheduler)
{
    uint32_t id = current_of(scheduler);
    if (!is_here(scheduler)) {
        scheduler->vmm->host->kick(scheduler->cpu);
    } else if (id) { // an exit of the vCPU that runs is being handled
        const struct vm *vm = scheduler_vm_of(scheduler, id);
        vcpu_post_work(vm->vcpus[scheduler_index_of(id)], WORK_YIELD);
    }
}

void scheduler_put_woken(struct scheduler *scheduler, const struct vm *vm, unsigned index)
{
    __atomic_or_fetch(&scheduler_account(scheduler, vm)->woken, BIT(index), __ATOMIC_SEQ_CST);
    __atomic_or_fetch(&scheduler->woken, BIT(vm->index), __ATOMIC_SEQ_CST);
}

// Whether a vCPU of the VM that wakes may end the run of `current`. A VM that has used up its time
// waits for the end of the slice, or for the time at which the CPU looks by itself.
static bool may_disturb(const struct scheduler *scheduler, const struct vm *vm, uint32_t current)
{
    const struct account *account = &scheduler->accounts[vm->index];
    uint64_t until_ns = __atomic_load_n(&scheduler->undisturbed_until_ns, __ATOMIC_RELAXED);
    if (scheduler_vm_of(scheduler, current) == vm) {
        return true;
    }
    return scheduler->vmm->host->now_ns() >= until_ns &&
           __atomic_load_n(&account->virtual_time_ns, __ATOMIC_RELAXED) <
               __atomic_load_n(&scheduler->virtual_time_ns, __ATOMIC_RELAXED);
}

// The vCPU has just been put into the inbox. A CPU that chooses looks into its inbox once more
// before it idles, and soon after a run begins.
static void disturb(const struct scheduler *scheduler, const struct vm *vm)
{
    uint32_t current = current_of(scheduler);
    bool wanted = current ? may_disturb(scheduler, vm, current)
                          : __atomic_load_n(&scheduler->idle, __ATOMIC_SEQ_CST);
    if (wanted) {
        kick(scheduler);
    }
}

void scheduler_wake(struct vm *vm, unsigned index, unsigned urgency)
{
    struct scheduler *scheduler = scheduler_of(vm, index);
    struct vm_slot *slot = &vm->slots[index];
    unsigned *sleep = &slot->sleep;
    if (current_of(scheduler) == scheduler_id(vm, index)) {
        if (!is_here(scheduler)) { // its own exit is handled here: it looks at its work afterwards
            kick(scheduler);
        }
        return;
    }
    if (urgency < __atomic_load_n(sleep, __ATOMIC_SEQ_CST) ||
        (__atomic_exchange_n(sleep, 0, __ATOMIC_SEQ_CST) == 0 && urgency < WAKE_ANEW)) {
        return; // it sleeps on, or is awake: then its CPU looks at it before it sleeps again
    }
    scheduler_want_since(slot, scheduler->vmm->host->now_ns());
    scheduler_put_woken(scheduler, vm, index);
    disturb(scheduler, vm);
}

void scheduler_notify(struct vcpu *vcpu, uint32_t work, unsigned urgency)
{
    uint32_t before = __atomic_fetch_or(&vcpu->core.work, work, __ATOMIC_SEQ_CST);
    const struct scheduler *scheduler = scheduler_of(vcpu->vm, vcpu->index);
    bool runs = current_of(scheduler) == scheduler_id(vcpu->vm, vcpu->index);
    if (runs && (before & work)) {
        return; // it was kicked for the same work, and has not looked yet
    }
    scheduler_wake(vcpu->vm, vcpu->index, urgency);
}

static void look_on(struct scheduler *scheduler, const struct vm *vm)
{
    if (!(__atomic_fetch_or(&scheduler->changed, BIT(vm->index), __ATOMIC_SEQ_CST) &
          BIT(vm->index))) {
        kick(scheduler);
    }
}

void scheduler_look_at(struct vm *vm)
{
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        look_on(scheduler_of(vm, i), vm);
    }
}

void scheduler_look_at_home(struct vm *vm)
{
    look_on(scheduler_of(vm, 0), vm);
}
