// SPDX-License-Identifier: MIT
// Charges each nanosecond of a CPU to a VM, to Husk's own work, or to idleness.
#pragma once

#include "vmm/util/types.h"

struct scheduler;
struct vm;

// The longest time that a VM keeps a CPU while others want it.
#define SCHEDULER_SLICE_NS 5000000ULL // 5 ms
// The most time that a VM can save by not using its share. It gets that time at once when it wakes.
#define SCHEDULER_SAVED_NS SCHEDULER_SLICE_NS

// Charge the time since the last charge, and return it.
uint64_t scheduler_charge_vm(struct scheduler *scheduler, const struct vm *vm);
uint64_t scheduler_charge_house(struct scheduler *scheduler);
void scheduler_charge_idle(struct scheduler *scheduler);
// The VM has ended the run of another one by a wake-up. It pays what that run has lost: as much as
// the scheduler usually needs between two runs.
void scheduler_charge_kick(struct scheduler *scheduler, const struct vm *vm);

// The vCPU wants to run from now on, or no longer. While the VM is built or torn down, vCPU 0
// stands for that work.
void scheduler_enter_ready(struct scheduler *scheduler, struct vm *vm, unsigned index);
void scheduler_leave_ready(struct scheduler *scheduler, const struct vm *vm, unsigned index);
// None of the VM's vCPUs wants to run here.
void scheduler_leave_all(struct scheduler *scheduler, const struct vm *vm);

// Begins a slice of the vCPU, unless its slice has not ended. Ends the slice of any other one.
void scheduler_begin_slice(struct scheduler *scheduler, const struct vm *vm, unsigned index);
// Charges the time up to `now_ns` to the vCPU that has the slice, and gives it the next one.
// Returns the time that was charged.
uint64_t scheduler_renew_slice(struct scheduler *scheduler, struct vm *vm, unsigned index,
                               uint64_t now_ns);
// Whether there is a slice, and its vCPU still wants to run.
bool scheduler_slice_goes_on(const struct scheduler *scheduler);
// Adds what was charged in the slice to the virtual times.
void scheduler_end_slice(struct scheduler *scheduler);
// The vCPU that runs waits for another one. Ends its slice, and moves it behind the next vCPU of
// its VM here. If no other one wants to run, moves the VM behind the next VM.
void scheduler_give_way(struct scheduler *scheduler, struct vm *vm, unsigned index);

// The VM to run next; NULL: none wants to run.
struct vm *scheduler_next_vm(const struct scheduler *scheduler);
// The vCPU of this VM to run next. The VM has one that wants to run.
unsigned scheduler_next_vcpu(const struct scheduler *scheduler, const struct vm *vm);
