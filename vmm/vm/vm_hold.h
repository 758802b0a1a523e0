// SPDX-License-Identifier: MIT
// Who may touch a VM's vCPUs: each the CPU that it is pinned to, or all of them whoever builds the
// VM or tears it down.
//
// A CPU holds a vCPU from the first time that it runs it until the VM no longer wants to run. As
// long as any is held, all of the VM's vCPUs and devices exist. Nobody waits: who cannot have it
// tries again, and the last holder wakes the VM's home CPU.
#pragma once

#include "vmm/vm/vm.h"

// On the vCPU's own CPU. False: the VM is off, or being built or torn down.
MUST_CHECK bool vm_hold(struct vm *vm, unsigned index);
// Takes the vCPU, and the VM's address space, out of this CPU, which holds it.
void vm_release(struct vm *vm, unsigned index);
// Releases all that this CPU holds of the VM.
void vm_release_here(struct vm *vm);

// For the home CPU alone. vm_seize: nobody holds a vCPU, and nobody gets one from now on; true if
// it has been so already. vm_unseize: the VM is built.
MUST_CHECK bool vm_seize(struct vm *vm);
void vm_unseize(struct vm *vm);
