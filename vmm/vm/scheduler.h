// SPDX-License-Identifier: MIT
// The state of a CPU's scheduler, and the ways to get its attention from any CPU.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm.h"

struct vcpu;

// The account of a VM on one CPU. The VM's vCPUs there divide the time that the VM gets. Bit i of a
// set stands for vCPU i of the VM.
struct account {
    // Atomic: the time that was charged to the VM, times 100 / its share. Of the VMs that want to
    // run, the one with the least is chosen. It does not grow within a slice.
    uint64_t virtual_time_ns;
    uint64_t used_ns;      // all time that was charged, since boot
    uint64_t unsettled_ns; // charged in this slice and not yet in virtual_time_ns
    uint64_t vcpu_time_ns; // virtual time of the vCPU that was chosen last
    uint64_t ready;        // the vCPUs that want to run here
    uint64_t timed;        // those that sleep here until slots[i].wake_ns
    uint64_t life_ns;      // on the home CPU: when a reset or restart is due
    uint64_t wake_ns;      // the earliest time of `timed` and life_ns; NEVER_NS: there is none
    uint64_t woken;        // atomic, the inbox: vCPUs that were woken, from any CPU
};

// Shares one CPU among the VMs that have vCPUs there. Bit i of a set stands for vmm->vms[i].
struct scheduler {
    struct vmm *vmm;
    unsigned cpu;
    uint32_t current; // atomic: scheduler_id of the vCPU that runs; 0 while the scheduler chooses
    bool idle;        // atomic: found nothing to run; a CPU that fills the inbox must kick this one
    // Atomic: before this time no wake-up of another VM kicks the CPU. At this time the CPU looks
    // by itself.
    uint64_t undisturbed_until_ns;
    uint64_t virtual_time_ns; // atomic: of the VM that was chosen last; never decreases
    uint64_t woken;           // atomic, the inbox: VMs with a woken vCPU
    uint64_t changed;         // atomic, the inbox: VMs whose state may have changed

    // Only for this CPU:
    uint64_t present;      // the VMs that have vCPUs here and run
    uint64_t ready;        // the VMs that want this CPU
    uint64_t timed;        // the VMs whose account has a wake_ns
    uint32_t slice;        // scheduler_id of the vCPU whose slice has not ended; 0: none
    uint64_t slice_end_ns; // when that slice is over
    uint64_t until_ns;     // when Husk wants the CPU for its own work
    bool attended;         // since the last run there was mail, a due timer or a new slice
    bool kicked;           // the last run was ended before its time, not by its vCPU
    uint64_t ended_ns;     // when the last run ended; 0: the CPU has done something else since
    uint64_t turn_ns;      // the usual time between two runs
    uint64_t charged_ns;   // host time up to which all of this CPU's time was charged
    // Atomic: `cpus` in the monitor shows them.
    uint64_t busy_ns;  // charged to VMs
    uint64_t house_ns; // charged to Husk's own work
    uint64_t idle_ns;
    struct account accounts[VMS_MAX];
};

// How urgent a wake-up is. A fixed interrupt has its vector's priority class, 0 to 15.
enum scheduler_urgency {
    WAKE_WITH_IF = 16, // any vCPU with interrupts on, whatever its processor priority
    WAKE_ALWAYS = 17,  // NMI, INIT, SIPI, timers
    WAKE_ANEW = 18,    // the same for what no work stands for: an awake vCPU is looked at again too
};

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu);

// A number for each vCPU of all VMs. It is never 0.
static inline uint32_t scheduler_id(const struct vm *vm, unsigned index)
{
    return 1 + vm->index * VM_VCPUS_MAX + index;
}

// The VM of a scheduler_id, and the index of the vCPU in that VM. `id` is not 0.
static inline struct vm *scheduler_vm_of(const struct scheduler *scheduler, uint32_t id)
{
    return scheduler->vmm->vms[(id - 1) / VM_VCPUS_MAX];
}

static inline unsigned scheduler_index_of(uint32_t id)
{
    return (id - 1) % VM_VCPUS_MAX;
}

static inline struct account *scheduler_account(struct scheduler *scheduler, const struct vm *vm)
{
    return &scheduler->accounts[vm->index];
}

// The vCPU wants to run at `now_ns`, if it has not wanted to before.
static inline void scheduler_want_since(struct vm_slot *slot, uint64_t now_ns)
{
    if (now_ns < __atomic_load_n(&slot->ready_ns, __ATOMIC_RELAXED)) {
        __atomic_store_n(&slot->ready_ns, now_ns, __ATOMIC_RELAXED);
    }
}

// Puts a vCPU that was woken into the inbox. On any CPU.
void scheduler_put_woken(struct scheduler *scheduler, const struct vm *vm, unsigned index);

// Whether `vcpu` is the one that runs on the CPU that asks.
bool scheduler_runs_here(const struct vcpu *vcpu);

// On any CPU:
// Gives the vCPU work (enum vcpu_work) and makes its CPU look at it soon. A vCPU that sleeps and
// cannot take what is so urgent sleeps on, and its CPU is not disturbed.
void scheduler_notify(struct vcpu *vcpu, uint32_t work, unsigned urgency);
// The same without work, for a vCPU that may not exist now.
void scheduler_wake(struct vm *vm, unsigned index, unsigned urgency);
// Makes all CPUs of the VM, or its home CPU, look at the VM's state.
void scheduler_look_at(struct vm *vm);
void scheduler_look_at_home(struct vm *vm);
