// SPDX-License-Identifier: MIT
// The one choice of a back end, and its start on each CPU.
#pragma once

#include "arch/x86/cpuid.h"
#include "vmm/util/types.h"

struct reason;
struct vmm;

// By this CPU's CPUID. NULL: none; `why` says what the machine lacks.
const struct vcpu_ops *virtualization_choose(struct reason *why);

// On each CPU: sets vmm->runs_guests for it. On CPU 0 it also logs what the back end can do; if it
// fails there, vmm->ops becomes NULL and vmm->no_guests says why.
void virtualization_start_cpu(struct vmm *vmm);

// CPUID of this CPU, less the features that another CPU which runs guests does not have: a guest
// is shown the same wherever its vCPUs run.
struct cpuid_registers virtualization_cpuid(uint32_t leaf, uint32_t subleaf);
