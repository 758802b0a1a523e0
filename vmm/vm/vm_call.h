// SPDX-License-Identifier: MIT
// Calls from CPU 0 to the CPUs of a VM.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct vm;

// Carries out the operation on the VM's home CPU, while no vCPU of the VM runs or is held.
// STATUS_BUSY: one of the VM's CPUs does not answer, so nothing was done. `why` names the CPU.
MUST_CHECK enum status vm_on_home_cpu(struct vm *vm,
                                      enum status (*operation)(struct vm *, struct reason *),
                                      struct reason *why);

// For inspection: runs `call` on the CPU of vCPU `index`, in the VM's address space, with that vCPU
// loaded (vm_vcpu_core). The other vCPUs may run. If the VM has no vCPUs, `call` is run only for
// `index` 0, with none loaded. While the VM starts or stops it is not run at all. STATUS_BUSY: that
// CPU does not answer, so `call` was not run. `why`, which may be NULL, names the CPU.
MUST_CHECK enum status vm_call(struct vm *vm, unsigned index,
                               void (*call)(struct vm *vm, void *context), void *context,
                               struct reason *why);

// Whether one of the VM's CPUs does not answer (host->answers).
bool vm_is_stuck(const struct vm *vm);

// The core of a vCPU, for vm_call; NULL if the VM has no vCPUs.
struct vcpu_core *vm_vcpu_core(struct vm *vm, unsigned index);

// Makes the VM look at its terminal, which has input for its UART, or room for what the UART holds.
void vm_terminal_ready(struct vm *vm);
