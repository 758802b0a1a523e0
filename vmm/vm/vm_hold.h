// SPDX-License-Identifier: MIT
// Which CPU may touch a VM's vCPUs: each vCPU's own CPU, or, while the VM is built or torn down,
// its home CPU alone.
//
// A CPU holds a vCPU from the first time that it runs it until the VM no longer wants to run. As
// long as a vCPU is held, all of the VM's vCPUs and devices exist. No CPU waits for another: if it
// cannot hold or seize, it tries again later, and the last holder wakes the VM's home CPU.
#pragma once

#include "vmm/util/types.h"

struct vm;

// Holds the vCPU. To be called on the vCPU's own CPU. Returns false if the VM is off, or is being
// built or torn down.
MUST_CHECK bool vm_hold(struct vm *vm, unsigned index);
// Ends the hold: takes the vCPU and the VM's address space out of this CPU, which holds the vCPU.
void vm_release(struct vm *vm, unsigned index);
// Releases all vCPUs of the VM that this CPU holds.
void vm_release_here(struct vm *vm);

// Only for the home CPU. vm_seize returns true if no vCPU is held; from then on no CPU can hold
// one. A VM that is seized already can be seized again. vm_unseize ends that, once the VM is built.
MUST_CHECK bool vm_seize(struct vm *vm);
void vm_unseize(struct vm *vm);
