// SPDX-License-Identifier: MIT
// What a VM gets when it starts and gives back when it stops.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// All on the VM's home CPU, which has seized the VM.

// The VM's memory, with whatever others left there. On failure the VM is torn down.
enum status vm_build(struct vm *vm, struct reason *why);
// Zeroes that memory, until about `end_ns`; true: all of it is zero.
MUST_CHECK bool vm_build_zero(struct vm *vm, uint64_t end_ns);
// Everything else that a running VM has. On failure the VM is torn down.
enum status vm_build_end(struct vm *vm, struct reason *why);
// Gives all of it back.
void vm_tear_down(struct vm *vm);
