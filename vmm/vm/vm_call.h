// SPDX-License-Identifier: MIT
// Calls to the CPUs of a VM, from CPU 0.
#pragma once

#include "vmm/util/status.h"

struct vcpu_core;
struct vm;

// Carries the operation out on the VM's home CPU, while no vCPU of the VM runs or is held.
enum status vm_on_home_cpu(struct vm *vm, enum status (*operation)(struct vm *, struct reason *),
                           struct reason *why);

// For inspection: runs `call` on the CPU of vCPU `index`, in the VM's address space, with that vCPU
// loaded (vm_vcpu_core). The other vCPUs may run. Not run while the VM is starting, nor where it
// has no vCPUs, unless `index` is 0: then there is none.
void vm_call(struct vm *vm, unsigned index, void (*call)(struct vm *vm, void *context),
             void *context);

// The core of a vCPU, for vm_call; NULL where the VM is off.
struct vcpu_core *vm_vcpu_core(struct vm *vm, unsigned index);

// The CPUs of the VM's vCPUs look at it again.
void vm_wake_cpus(const struct vm *vm);

// Has the VM look at its terminal, which has got input for its UART, or room for what the UART
// holds.
void vm_terminal_ready(struct vm *vm);
