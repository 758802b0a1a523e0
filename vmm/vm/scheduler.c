// SPDX-License-Identifier: MIT
// Wakes vCPUs: decides whether a CPU is kicked for a vCPU's work or may go on undisturbed.
#include "vmm/vm/scheduler.h"

#include "vmm/backend.h"
#include "vmm/host.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/vcpu.h"
#include "vmm/vm/vm.h"

// A VM may cut short the run of another vCPU on a CPU at most once in this time.
#define WAKE_INTERVAL_NS 100000ULL

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu)
{
    *scheduler = (struct scheduler){.vmm = vmm, .cpu = cpu, .idle = true};
    vmm->schedulers[cpu] = scheduler;
}

// The scheduler of the CPU that the vCPU is pinned to.
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

// The time at which a vCPU of the same VM was last woken on the same CPU. The first of these vCPUs
// keeps it for all.
static uint64_t *woken_ns_of(const struct vcpu *vcpu)
{
    const struct vm *vm = vcpu->vm;
    unsigned first = 0;
    while (vm->slots[first].cpu != vm->slots[vcpu->index].cpu) {
        first++;
    }
    return &vm->vcpus[first]->woken_ns;
}

// Whether `vcpu` may end the run of another vCPU on its CPU. Without this limit, a VM whose vCPUs
// send each other interrupts all the time would cut the runs of other VMs on its CPUs to pieces.
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
    return !__atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST) &&
           __atomic_load_n(&scheduler->idle, __ATOMIC_SEQ_CST);
}

static void kick(const struct scheduler *scheduler)
{
    const struct host *host = scheduler->vmm->host;
    if (host->this_cpu() != scheduler->cpu) { // this CPU looks by itself
        host->kick(scheduler->cpu);
    }
}

// `vcpu` has got work. `known`: it had the same work before and has not looked at it yet. A kick
// that comes while the scheduler chooses ends the run of the chosen vCPU before its first
// instruction.
static void wake(struct scheduler *scheduler, struct vcpu *vcpu, bool known)
{
    const struct host *host = scheduler->vmm->host;
    struct vcpu *current = __atomic_load_n(&scheduler->current, __ATOMIC_SEQ_CST);
    bool here = host->this_cpu() == scheduler->cpu;
    if (current == vcpu) {
        if (!known) {
            kick(scheduler);
        }
    } else if (!current && here) { // while this CPU chooses, the mail of one vCPU wakes another
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
        if (is_idle(scheduler)) { // it became idle meanwhile, perhaps before `missed` was set
            kick(scheduler);
        }
    }
}

void scheduler_notify(struct vcpu *vcpu, uint32_t work)
{
    uint32_t before = __atomic_fetch_or(&vcpu->core.work, work, __ATOMIC_SEQ_CST);
    wake(scheduler_of(vcpu), vcpu, before & work);
}
