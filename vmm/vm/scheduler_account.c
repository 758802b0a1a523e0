// SPDX-License-Identifier: MIT
// Keeps the accounts of a CPU: how much of it each VM has used, and which VM is next.
#include "vmm/vm/scheduler_account.h"

#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/vm.h"

// ---- Charging ----

static uint64_t take_time(struct scheduler *scheduler, uint64_t now_ns)
{
    uint64_t ns = now_ns - scheduler->charged_ns;
    scheduler->charged_ns = now_ns;
    return ns;
}

static uint64_t now_ns(const struct scheduler *scheduler)
{
    return scheduler->vmm->host->now_ns();
}

static void add_virtual_time(struct account *account, const struct vm *vm, uint64_t ns)
{
    uint64_t time_ns = account->virtual_time_ns + ns * VM_SHARE_DEFAULT / vm->config.share;
    __atomic_store_n(&account->virtual_time_ns, time_ns, __ATOMIC_RELAXED);
}

static bool has_slice(const struct scheduler *scheduler, const struct vm *vm)
{
    return scheduler->slice && scheduler_vm_of(scheduler, scheduler->slice) == vm;
}

static void add_used_time(struct scheduler *scheduler, struct account *account, uint64_t ns)
{
    account->used_ns += ns;
    __atomic_store_n(&scheduler->busy_ns, scheduler->busy_ns + ns, __ATOMIC_RELAXED);
}

uint64_t scheduler_charge_vm(struct scheduler *scheduler, const struct vm *vm)
{
    struct account *account = scheduler_account(scheduler, vm);
    uint64_t ns = take_time(scheduler, now_ns(scheduler));
    add_used_time(scheduler, account, ns);
    if (has_slice(scheduler, vm)) {
        account->unsettled_ns += ns;
    } else {
        add_virtual_time(account, vm, ns);
    }
    return ns;
}

void scheduler_charge_kick(struct scheduler *scheduler, const struct vm *vm)
{
    if (!scheduler->slice || has_slice(scheduler, vm)) {
        return;
    }
    const struct vm *slice_vm = scheduler_vm_of(scheduler, scheduler->slice);
    struct account *other = scheduler_account(scheduler, slice_vm);
    struct account *account = scheduler_account(scheduler, vm);
    uint64_t ns = MIN(scheduler->turn_ns, other->unsettled_ns);
    other->unsettled_ns -= ns;
    other->used_ns -= ns;
    account->used_ns += ns;
    add_virtual_time(account, vm, ns);
}

void scheduler_charge_idle(struct scheduler *scheduler)
{
    uint64_t ns = take_time(scheduler, now_ns(scheduler));
    __atomic_store_n(&scheduler->idle_ns, scheduler->idle_ns + ns, __ATOMIC_RELAXED);
}

uint64_t scheduler_charge_house(struct scheduler *scheduler)
{
    uint64_t ns = take_time(scheduler, now_ns(scheduler));
    __atomic_store_n(&scheduler->house_ns, scheduler->house_ns + ns, __ATOMIC_RELAXED);
    return ns;
}

// ---- What wants to run ----

// The least virtual time with which a VM or vCPU wakes. Without this limit, a VM that slept for an
// hour could keep the CPU for an hour.
static uint64_t earliest(uint64_t now_ns)
{
    return now_ns > SCHEDULER_SAVED_NS ? now_ns - SCHEDULER_SAVED_NS : 0;
}

void scheduler_enter_ready(struct scheduler *scheduler, struct vm *vm, unsigned index)
{
    struct account *account = scheduler_account(scheduler, vm);
    struct vm_slot *slot = &vm->slots[index];
    scheduler_want_since(slot, scheduler->charged_ns);
    if (!(account->ready & BIT(index))) {
        slot->virtual_time_ns = MAX(slot->virtual_time_ns, earliest(account->vcpu_time_ns));
        account->ready |= BIT(index);
    }
    if (!(scheduler->ready & BIT(vm->index))) {
        uint64_t time_ns = MAX(account->virtual_time_ns, earliest(scheduler->virtual_time_ns));
        __atomic_store_n(&account->virtual_time_ns, time_ns, __ATOMIC_RELAXED);
        scheduler->ready |= BIT(vm->index);
    }
}

void scheduler_leave_ready(struct scheduler *scheduler, const struct vm *vm, unsigned index)
{
    struct account *account = scheduler_account(scheduler, vm);
    account->ready &= ~BIT(index);
    if (!account->ready) {
        scheduler->ready &= ~BIT(vm->index);
    }
}

void scheduler_leave_all(struct scheduler *scheduler, const struct vm *vm)
{
    scheduler_account(scheduler, vm)->ready = 0;
    scheduler->ready &= ~BIT(vm->index);
}

// ---- Slices ----

bool scheduler_slice_goes_on(const struct scheduler *scheduler)
{
    uint32_t id = scheduler->slice;
    return id && (scheduler->accounts[scheduler_vm_of(scheduler, id)->index].ready &
                  BIT(scheduler_index_of(id)));
}

// Adds what was charged in the slice to the virtual times.
static void settle(struct account *account, struct vm *vm, unsigned index)
{
    add_virtual_time(account, vm, account->unsettled_ns);
    vm->slots[index].virtual_time_ns += account->unsettled_ns;
    account->unsettled_ns = 0;
}

static void begin(struct scheduler *scheduler, struct account *account, const struct vm_slot *slot)
{
    scheduler->slice_end_ns = scheduler->charged_ns + SCHEDULER_SLICE_NS;
    account->vcpu_time_ns = MAX(account->vcpu_time_ns, slot->virtual_time_ns);
    uint64_t time_ns = MAX(scheduler->virtual_time_ns, account->virtual_time_ns);
    __atomic_store_n(&scheduler->virtual_time_ns, time_ns, __ATOMIC_RELAXED);
}

void scheduler_end_slice(struct scheduler *scheduler)
{
    if (!scheduler->slice) {
        return;
    }
    struct vm *vm = scheduler_vm_of(scheduler, scheduler->slice);
    settle(scheduler_account(scheduler, vm), vm, scheduler_index_of(scheduler->slice));
    scheduler->slice = 0;
}

void scheduler_begin_slice(struct scheduler *scheduler, const struct vm *vm, unsigned index)
{
    if (scheduler->slice == scheduler_id(vm, index)) {
        return;
    }
    scheduler_end_slice(scheduler);
    scheduler->slice = scheduler_id(vm, index);
    begin(scheduler, scheduler_account(scheduler, vm), &vm->slots[index]);
}

uint64_t scheduler_renew_slice(struct scheduler *scheduler, struct vm *vm, unsigned index,
                               uint64_t now_ns)
{
    struct account *account = scheduler_account(scheduler, vm);
    uint64_t ns = take_time(scheduler, now_ns);
    add_used_time(scheduler, account, ns);
    account->unsettled_ns += ns;
    settle(account, vm, index);
    begin(scheduler, account, &vm->slots[index]);
    return ns;
}

void scheduler_give_way(struct scheduler *scheduler, struct vm *vm, unsigned index)
{
    struct account *account = scheduler_account(scheduler, vm);
    struct vm_slot *slot = &vm->slots[index];
    scheduler_end_slice(scheduler);
    uint64_t own = account->ready;
    uint64_t all = scheduler->ready;
    account->ready &= ~BIT(index);
    scheduler->ready &= ~BIT(vm->index);
    const struct vm *other = scheduler_next_vm(scheduler);
    if (account->ready) {
        unsigned next = scheduler_next_vcpu(scheduler, vm);
        slot->virtual_time_ns = MAX(slot->virtual_time_ns, vm->slots[next].virtual_time_ns + 1);
    } else if (other) {
        uint64_t next_ns = scheduler_account(scheduler, other)->virtual_time_ns + 1;
        __atomic_store_n(&account->virtual_time_ns, MAX(account->virtual_time_ns, next_ns),
                         __ATOMIC_RELAXED);
    }
    account->ready = own;
    scheduler->ready = all;
}

// ---- Choosing ----

struct vm *scheduler_next_vm(const struct scheduler *scheduler)
{
    struct vm *next = NULL;
    uint64_t next_ns = 0;
    for (uint64_t left = scheduler->ready; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        uint64_t time_ns = scheduler->accounts[i].virtual_time_ns;
        if (!next || time_ns < next_ns) {
            next = scheduler->vmm->vms[i];
            next_ns = time_ns;
        }
    }
    return next;
}

unsigned scheduler_next_vcpu(const struct scheduler *scheduler, const struct vm *vm)
{
    uint64_t left = scheduler->accounts[vm->index].ready;
    unsigned next = (unsigned)__builtin_ctzll(left);
    for (left &= left - 1; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        if (vm->slots[i].virtual_time_ns < vm->slots[next].virtual_time_ns) {
            next = i;
        }
    }
    return next;
}
