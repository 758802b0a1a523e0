// SPDX-License-Identifier: MIT
// The state of a CPU's scheduler, and the one way to wake a vCPU.
#pragma once

#include "vmm/util/types.h"

struct vcpu;
struct vmm;

// Shares one CPU among the vCPUs that are pinned to it and the starts of VMs.
struct scheduler {
    struct vmm *vmm;
    unsigned cpu;
    struct vcpu *current;     // atomic: the vCPU that runs; NULL while the scheduler chooses one
    bool idle;                // atomic: found no vCPU to run; a wake-up must kick the CPU
    bool missed;              // atomic: a vCPU was woken without a kick; look again before idling
    uint64_t virtual_time_ns; // of the vCPU or start that was chosen last
    uint64_t busy_ns;         // time in guests and for their starts, since boot
};

void scheduler_init(struct scheduler *scheduler, struct vmm *vmm, unsigned cpu);

// Whether `vcpu` is the one that runs on the CPU that asks.
bool scheduler_runs_here(const struct vcpu *vcpu);

// Gives the vCPU work (enum vcpu_work) and makes its CPU look at it soon. Can be called on any CPU.
void scheduler_notify(struct vcpu *vcpu, uint32_t work);
