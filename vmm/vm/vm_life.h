// SPDX-License-Identifier: MIT
// A VM's life, as the monitor, kernel_main and the scheduler steer it.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// On CPU 0, from the main loop. What concerns the VM's state is carried out on its home CPU by
// host->call, while no vCPU of it runs. Errors: `why` has a line for the user.
//
// A start or reset that can begin makes the VM VM_STARTING; its CPU goes on with the start beside
// what else it runs. The log says when the VM runs, or why it is VM_OFF again.
enum status vm_start(struct vm *vm, struct reason *why);  // from VM_OFF, VM_ENDED
enum status vm_stop(struct vm *vm, struct reason *why);   // from any but VM_OFF; frees its memory
enum status vm_pause(struct vm *vm, struct reason *why);  // from VM_RUNNING
enum status vm_resume(struct vm *vm, struct reason *why); // from VM_PAUSED
enum status vm_reset(struct vm *vm, struct reason *why);  // from VM_RUNNING, VM_PAUSED, VM_ENDED

// On the VM's home CPU, between two runs: begins a reset or restart that is due. Returns the host
// time at which one will be due; NEVER_NS: none is asked for.
uint64_t vm_begin_due_start(struct vm *vm);
// On the home CPU of a VM that is VM_STARTING: goes on with the start until about `end_ns`.
void vm_continue_start(struct vm *vm, uint64_t end_ns);
