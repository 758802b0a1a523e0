// SPDX-License-Identifier: MIT
// Calls to the CPUs of a VM.
#pragma once

#include "vmm/vm/vm.h"

// On CPU 0: carries the operation out on the VM's home CPU, while no vCPU of it runs or is held.
enum status vm_on_home_cpu(struct vm *vm, enum status (*operation)(struct vm *, struct reason *),
                           struct reason *why);

// The CPUs of its vCPUs look at it again.
void vm_wake_cpus(const struct vm *vm);
