// SPDX-License-Identifier: MIT
// Wakes vCPUs: which CPU is kicked for their work, and which is not disturbed.
#include "vmm/vm/scheduler.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// How often others' time may be cut short because a vCPU has got work that must wait for its CPU.
#define WAKE_INTERVAL_NS 100000ULL

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu)
{
    *scheduler = (struct scheduler){.vmm = vmm, .cpu = cpu, .idle = true};
    vmm->schedulers[cpu] = scheduler;
}

// Of the CPU that the vCPU is pinned to.
static struct scheduler *scheduler_of(const struct vcpu *vcpu)
{
    return vcpu->vm->vmm->schedulers[vcpu->vm->slots[vcpu->index].cpu];
}

bool scheduler_runs_here(const struct vcpu *vcpu)
{
    const struct scheduler *scheduler = scheduler_of(vcpu);
    return scheduler->vmm->host->this_cpu() == scheduler->cpu &&
           __atomic_load_n(&scheduler->current, __ATOMIC_RELAXED) == vcpu;
}

// When a vCPU of that VM was last woken on that CPU: kept by the first that it has there.
static uint64_t *woken_ns_of(const struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    unsigned first = 0;
    while (vm->slots[first].cpu != vm->slots[vcpu->index].cpu) {
        first++;
    }
    return &vm->vcpus[first]->woken_ns;
}

// A VM whose vCPUs send each other interrupts all the time would otherwise take the time of others,
// who share a CPU with the receivers, piece by piece.
static bool may_disturb(const struct host *host, const struct vcpu *vcpu)
{
    uint64_t *at = woken_ns_of(vcpu);
    uint64_t now_ns = host->now_ns();
    if (now_ns - __atomic_load_n(at, __ATOMIC_RELAXED) < WAKE_INTERVAL_NS) {
        return false;
    }
    __atomic_store_n(at, now_ns, __ATOMIC_RELAXED);
    return true;
}

static bool is_idle(const struct scheduler *scheduler)
{
    return __atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST) == NULL &&
           __atomic_load_n(&scheduler->idle, __ATOMIC_SEQ_CST);
}

static void kick(const struct scheduler *scheduler)
{
    const struct host *host = scheduler->vmm->host;
    if (host->this_cpu() != scheduler->cpu) { // which else looks by itself
        host->kick(scheduler->cpu);
    }
}

// `vcpu` has got work. `known`: it had the same before, and has not looked at it yet. A kick that
// comes while the next vCPU is chosen ends the run of that one before its first instruction.
static void wake(struct scheduler *scheduler, struct vcpu *vcpu, bool known)
{
    const struct host *host = scheduler->vmm->host;
    struct vcpu *current = __atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST);
    bool here = host->this_cpu() == scheduler->cpu;
    if (current == vcpu) {
        if (!known) {
            kick(scheduler);
        }
    } else if (current == NULL && here) { // by what it found in the mail of another
        __atomic_store_n(&scheduler->missed, true, __ATOMIC_SEQ_CST);
    } else if (is_idle(scheduler)) {
        kick(scheduler);
    } else if (may_disturb(host, vcpu)) {
        if (current && here) {
            vcpu_post_work(current, WORK_HOST);
        }
        kick(scheduler);
    } else {
        __atomic_store_n(&scheduler->missed, true, __ATOMIC_SEQ_CST);
        if (is_idle(scheduler)) { // since then, and it may have looked at `missed` before
            kick(scheduler);
        }
    }
}

void scheduler_notify(struct vcpu *vcpu, uint32_t work)
{
    uint32_t before = __atomic_fetch_or(&vcpu->core.work, work, __ATOMIC_SEQ_CST);
    wake(scheduler_of(vcpu), vcpu, before & work);
}
