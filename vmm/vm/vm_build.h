// SPDX-License-Identifier: MIT
// Gives a VM all that it needs when it starts, and takes it back when the VM stops.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// To be called on the VM's home CPU, which has seized the VM.

// Gives the VM its memory, which still holds what earlier owners left there. On failure the VM is
// torn down.
enum status vm_build(struct vm *vm, struct reason *why);
// Zeroes that memory and gives the VM everything else, piece by piece, until about `end_ns`.
// `*done`: the VM has all. On failure the VM is torn down.
enum status vm_build_continue(struct vm *vm, uint64_t end_ns, bool *done, struct reason *why);
// Takes all of it back.
void vm_tear_down(struct vm *vm);
