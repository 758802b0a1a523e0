// SPDX-License-Identifier: MIT
// Empties a CPU's inbox and serves its sleepers' timers, so that the sets of its scheduler are
// right. A vCPU that sleeps, a VM that is off, and a VM of other CPUs cost nothing.
#include "vmm/vm/scheduler_look.h"

#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_hold.h"
#include "vmm/vm/vm_life.h"

// A sleeper whose timer did not wake it is not looked at again before this time has passed. Its
// timer may have a period of a few ns.
#define LOOK_INTERVAL_NS 100000ULL

// The first of the VM's times on this CPU.
static void find_wake_time(struct scheduler *scheduler, const struct vm *vm)
{
    struct account *account = scheduler_account(scheduler, vm);
    account->wake_ns = account->life_ns;
    for (uint64_t left = account->timed; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        account->wake_ns = MIN(account->wake_ns, vm->slots[i].wake_ns);
    }
    scheduler->timed &= ~BIT(vm->index);
    scheduler->timed |= account->wake_ns != NEVER_NS ? BIT(vm->index) : 0;
}

// Puts the vCPU to sleep. What arrives while it falls asleep goes through the inbox.
static void fall_asleep(struct scheduler *scheduler, struct vm *vm, unsigned index, bool by_timer)
{
    struct account *account = scheduler_account(scheduler, vm);
    struct vm_slot *slot = &vm->slots[index];
    struct vcpu *vcpu = vm->vcpus[index];
    uint64_t earliest_ns = by_timer ? scheduler->vmm->host->now_ns() + LOOK_INTERVAL_NS : 0;
    scheduler_leave_ready(scheduler, vm, index);
    slot->wake_ns = MAX(vcpu_wake_event_ns(vcpu), earliest_ns);
    __atomic_store_n(&slot->ready_ns, slot->wake_ns, __ATOMIC_RELAXED);
    account->timed &= ~BIT(index);
    account->timed |= slot->wake_ns != NEVER_NS ? BIT(index) : 0;
    __atomic_store_n(&slot->sleep, vcpu_sleep_urgency(vcpu), __ATOMIC_SEQ_CST);
    if (vcpu_has_waking_mail(vcpu) && __atomic_exchange_n(&slot->sleep, 0, __ATOMIC_SEQ_CST)) {
        scheduler_put_woken(scheduler, vm, index);
    }
}

// The VM wants to run. If it is being built on its home CPU, vm_hold fails, and this CPU is told
// when the VM is ready.
static void look_at_vcpu(struct scheduler *scheduler, struct vm *vm, unsigned index, bool by_timer)
{
    struct account *account = scheduler_account(scheduler, vm);
    if (!vm_hold(vm, index)) {
        scheduler_leave_ready(scheduler, vm, index);
        account->timed &= ~BIT(index);
        return;
    }
    scheduler->present |= BIT(vm->index);
    __atomic_store_n(&vm->slots[index].sleep, 0, __ATOMIC_SEQ_CST);
    if (vcpu_runnable(vm->vcpus[index]) || vcpu_devices_wait(vm->vcpus[index])) {
        account->timed &= ~BIT(index);
        scheduler_enter_ready(scheduler, vm, index);
    } else {
        fall_asleep(scheduler, vm, index, by_timer);
    }
}

static void look_at_vcpus(struct scheduler *scheduler, struct vm *vm, uint64_t set, bool by_timer)
{
    for (; set != 0; set &= set - 1) {
        look_at_vcpu(scheduler, vm, (unsigned)__builtin_ctzll(set), by_timer);
    }
}

// The VM does not want to run here. Its home CPU begins a reset or restart that is due.
static void let_go(struct scheduler *scheduler, struct vm *vm)
{
    struct account *account = scheduler_account(scheduler, vm);
    vm_release_here(vm);
    scheduler_leave_all(scheduler, vm);
    scheduler->present &= ~BIT(vm->index);
    account->timed = 0;
    if (vm_home_cpu(vm) != scheduler->cpu) {
        return;
    }
    account->life_ns = vm_begin_due_start(vm);
    if (vm_is_in_work(vm)) {
        scheduler_enter_ready(scheduler, vm, 0);
    }
}

// The VM's vCPUs that are pinned to this CPU.
static uint64_t vcpus_here(const struct scheduler *scheduler, const struct vm *vm)
{
    uint64_t set = 0;
    for (unsigned i = 0; i < vm->config.vcpus; i++) {
        set |= vm->slots[i].cpu == scheduler->cpu ? BIT(i) : 0;
    }
    return set;
}

static void look_at(struct scheduler *scheduler, struct vm *vm, uint64_t set, bool by_timer)
{
    if (vm_wants_to_run(vm)) {
        look_at_vcpus(scheduler, vm, set, by_timer);
    }
    if (!vm_wants_to_run(vm)) { // the look may have ended the VM
        let_go(scheduler, vm);
    }
    find_wake_time(scheduler, vm);
}

void scheduler_look_at_vm(struct scheduler *scheduler, struct vm *vm)
{
    scheduler_account(scheduler, vm)->life_ns = NEVER_NS;
    look_at(scheduler, vm, vcpus_here(scheduler, vm), false);
}

void scheduler_look_after(struct scheduler *scheduler, struct vm *vm, unsigned index)
{
    look_at(scheduler, vm, BIT(index), false);
}

// ---- The inbox, and the timers ----

static void look_at_mail(struct scheduler *scheduler)
{
    uint64_t changed = __atomic_exchange_n(&scheduler->changed, 0, __ATOMIC_SEQ_CST);
    uint64_t woken = __atomic_exchange_n(&scheduler->woken, 0, __ATOMIC_SEQ_CST);
    scheduler->attended |= (changed | woken) != 0;
    for (uint64_t left = changed | woken; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct vm *vm = scheduler->vmm->vms[i];
        uint64_t set = __atomic_exchange_n(&scheduler->accounts[i].woken, 0, __ATOMIC_SEQ_CST);
        if (scheduler->kicked) { // the first one pays
            scheduler->kicked = false;
            scheduler_charge_kick(scheduler, vm);
        }
        if (changed & BIT(i)) {
            scheduler_look_at_vm(scheduler, vm);
        } else {
            look_at(scheduler, vm, set, false);
        }
        scheduler_charge_vm(scheduler, vm);
    }
}

static uint64_t due_vcpus(const struct vm *vm, uint64_t timed, uint64_t now_ns)
{
    uint64_t due = 0;
    for (; timed != 0; timed &= timed - 1) {
        unsigned i = (unsigned)__builtin_ctzll(timed);
        due |= vm->slots[i].wake_ns <= now_ns ? BIT(i) : 0;
    }
    return due;
}

static void serve_timers(struct scheduler *scheduler)
{
    uint64_t now_ns = scheduler->charged_ns;
    for (uint64_t left = scheduler->timed; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        struct vm *vm = scheduler->vmm->vms[i];
        const struct account *account = &scheduler->accounts[i];
        if (account->wake_ns <= now_ns) {
            scheduler->attended = true;
            look_at(scheduler, vm, due_vcpus(vm, account->timed, now_ns), true);
            scheduler_charge_vm(scheduler, vm);
        }
    }
}

void scheduler_look(struct scheduler *scheduler)
{
    look_at_mail(scheduler);
    serve_timers(scheduler);
}
