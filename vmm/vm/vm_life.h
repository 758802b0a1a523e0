// SPDX-License-Identifier: MIT
// The life of a VM, which the monitor, kernel_main and the scheduler steer.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// To be called on CPU 0, from the main loop. The change is carried out on the VM's home CPU by
// host->call, while no vCPU of the VM runs. On an error `why` gets a line for the user.
//
// A start or reset makes the VM VM_STARTING if there is memory for it. A stop makes it VM_STOPPING:
// it never runs again. Its home CPU goes on with either, in turn with its other work. The log says
// when a start lets the VM run, or why it did not.
enum status vm_start(struct vm *vm, struct reason *why);  // from VM_OFF, VM_ENDED, VM_STOPPING
enum status vm_stop(struct vm *vm, struct reason *why);   // from any but VM_OFF
enum status vm_pause(struct vm *vm, struct reason *why);  // from VM_RUNNING
enum status vm_resume(struct vm *vm, struct reason *why); // from VM_PAUSED
enum status vm_reset(struct vm *vm, struct reason *why);  // from VM_RUNNING, VM_PAUSED, VM_ENDED

// The VM's clock and TSCs stand still, and go on where they stood. To be called while no vCPU runs,
// for the VM's pause, or for a moment within it.
void vm_stop_clock(struct vm *vm);
void vm_let_clock_run(struct vm *vm);

// Begins a reset, a restart or a resize that is due. To be called on the VM's home CPU, between two
// runs. Returns the host time at which one will be due; NEVER_NS if none is asked for.
uint64_t vm_begin_due_start(struct vm *vm);
// Goes on until about `end_ns` with a VM that is in work (vm_is_in_work): builds it, tears it down,
// or changes its RAM, in pieces of far less than 1 ms, at least one. To be called on the VM's home
// CPU.
void vm_continue(struct vm *vm, uint64_t end_ns);
