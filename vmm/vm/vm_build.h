// SPDX-License-Identifier: MIT
// Gives a VM all that it needs when it starts, and takes it back when the VM stops.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// To be called on the VM's home CPU, which has seized the VM.

// Keeps memory for the VM, which may have some of a life before. A refusal changes nothing.
enum status vm_build(struct vm *vm, struct reason *why);
// Takes back what the life before has left, but for its memory. Then gives the VM all that it
// needs, and zeroes its memory. Does so piece by piece, at least one, until about `end_ns`.
// `*done`: the VM has all. After a failure the VM is to be torn down.
enum status vm_build_continue(struct vm *vm, uint64_t end_ns, bool *done, struct reason *why);
// Takes everything back, piece by piece, at least one, until about `end_ns`. True: the VM has
// nothing left, but for what it wrote to disks with `keep`.
MUST_CHECK bool vm_tear_down(struct vm *vm, uint64_t end_ns);
