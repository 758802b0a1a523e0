// SPDX-License-Identifier: MIT
// What a CPU's scheduler knows, and how anyone wakes a vCPU through it.
#pragma once

#include "vmm/util/types.h"

struct vcpu;
struct vmm;

// Shares one CPU among the vCPUs that are pinned to it and the starts of VMs.
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

// Whether it is `vcpu` that runs on the CPU that asks.
bool scheduler_runs_here(const struct vcpu *vcpu);

// From any CPU: gives the vCPU work (enum vcpu_work), which its own CPU looks at soon.
void scheduler_notify(struct vcpu *vcpu, uint32_t work);
