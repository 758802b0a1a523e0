// SPDX-License-Identifier: MIT
// Shares one CPU among the vCPUs that are pinned to it and the starts of VMs.
#pragma once

#include "vmm/vm/vm.h"

#define SCHEDULER_SLICE_NS 10000000ULL   // 10 ms
#define SCHEDULER_SLICE_MIN_NS 100000ULL // where another vCPU wakes before the slice ends

struct vcpu;

struct scheduler {
    struct vmm *vmm;
    unsigned cpu;
    struct vcpu *current;     // atomic: that runs; NULL while it is chosen
    bool idle;                // atomic: none was found; who wakes one now must kick the CPU
    bool missed;              // atomic: one was woken without a kick while it was chosen
    uint64_t virtual_time_ns; // of the vCPU or start that was chosen last
    uint64_t busy_ns;         // time in guests and for their starts, since boot
};

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu);

// Runs the vCPU that has had the least time for a slice, or goes on with a start that has, and
// begins resets and restarts that are due. False: none wants to run; `*wake_ns` is then when one
// will, at the latest.
bool scheduler_step(struct scheduler *scheduler, uint64_t *wake_ns);

// Whether it is `vcpu` that runs on the CPU that asks.
bool scheduler_runs_here(const struct scheduler *scheduler, const struct vcpu *vcpu);

// From any CPU: `vcpu`, which is pinned to this one, has got work. `known`: it had the same before,
// and has not looked at it yet.
void scheduler_wake(struct scheduler *scheduler, struct vcpu *vcpu, bool known);
