// SPDX-License-Identifier: MIT
// How long a vCPU runs before the scheduler looks again.
#include "vmm/vm/scheduler_run.h"

#include "vmm/backend.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/scheduler.h"
#include "vmm/vm/scheduler_account.h"
#include "vmm/vm/scheduler_look.h"
#include "vmm/vm/vm.h"

// A run is not cut shorter than this, nor than so many times what the scheduler itself needs for a
// turn. So on a slow machine, too, the guests get nearly all of the time.
#define RUN_NS_MIN 100000ULL
#define RUN_NS_MIN_MAX 1000000ULL
#define RUN_TURNS_MIN 20

uint64_t scheduler_least_run_ns(const struct scheduler *scheduler)
{
    return MIN(MAX(RUN_NS_MIN, RUN_TURNS_MIN * scheduler->turn_ns), RUN_NS_MIN_MAX);
}

// The first time at which a sleeper wakes that may then run at once: a VM that has saved time, or a
// vCPU of the VM that runs. The others wait for the end of the slice.
static uint64_t next_wake_ns(const struct scheduler *scheduler, const struct vm *vm)
{
    uint64_t wake_ns = NEVER_NS;
    for (uint64_t left = scheduler->timed; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctzll(left);
        const struct account *account = &scheduler->accounts[i];
        if (i == vm->index || account->virtual_time_ns < scheduler->virtual_time_ns) {
            wake_ns = MIN(wake_ns, account->wake_ns);
        }
    }
    return wake_ns;
}

// For the first part of a run no wake-up from another CPU ends it. The CPU looks at the end of that
// part by itself. If the VM has the CPU for itself, no other VM can be woken.
uint64_t scheduler_run_end_ns(struct scheduler *scheduler, const struct vm *vm)
{
    uint64_t now_ns = scheduler->charged_ns;
    uint64_t earliest_ns = now_ns + scheduler_least_run_ns(scheduler);
    uint64_t end_ns = MIN(scheduler->slice_end_ns, MAX(next_wake_ns(scheduler, vm), earliest_ns));
    if (!(scheduler->present & ~BIT(vm->index))) {
        __atomic_store_n(&scheduler->undisturbed_until_ns, 0, __ATOMIC_RELAXED);
    } else if (scheduler->attended) {
        __atomic_store_n(&scheduler->undisturbed_until_ns, earliest_ns, __ATOMIC_RELAXED);
    }
    if (now_ns < scheduler->undisturbed_until_ns) {
        end_ns = MIN(end_ns, scheduler->undisturbed_until_ns);
    }
    scheduler->attended = false;
    return MIN(end_ns, MAX(scheduler->until_ns, earliest_ns));
}

// Whether no one but this vCPU wants the CPU of its scheduler now.
static bool is_alone(const struct scheduler *scheduler, const struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    return scheduler->ready == BIT(vm->index) &&
           scheduler->accounts[vm->index].ready == BIT(vcpu->index) &&
           !scheduler_has_mail(scheduler) && vm_wants_to_run(vm);
}

bool scheduler_extend_run(struct vcpu *vcpu, uint64_t now_ns)
{
    struct vm *vm = vcpu->vm;
    struct scheduler *scheduler = vm->vmm->schedulers[vm->slots[vcpu->index].cpu];
    if (now_ns < scheduler->slice_end_ns || now_ns >= scheduler->until_ns ||
        !is_alone(scheduler, vcpu)) {
        return false;
    }
    vcpu->run_ns += scheduler_renew_slice(scheduler, vm, vcpu->index, now_ns);
    vcpu->core.run_end_ns = scheduler->timed ? scheduler_run_end_ns(scheduler, vm)
                                             : MIN(scheduler->slice_end_ns, scheduler->until_ns);
    return true;
}
