// SPDX-License-Identifier: MIT
// The one choice of a back end, and its start on each CPU.
#pragma once

#include "arch/x86/cpuid.h"
#include "vmm/util/types.h"

struct reason;
struct vmm;

// Chooses by this CPU's CPUID. NULL: the machine has neither; `why` says what it lacks.
const struct vcpu_ops *virtualization_choose(struct reason *why);

// On each CPU: switches virtualization on and sets vmm->runs_guests for the CPU. On CPU 0 it also
// logs what the back end can do. If CPU 0 fails, vmm->ops becomes NULL and vmm->no_guests has the
// reason.
void virtualization_start_cpu(struct vmm *vmm);

// CPUID of this CPU, without the features that another CPU that runs guests lacks. So a guest sees
// the same on every CPU.
struct cpuid_registers virtualization_cpuid(uint32_t leaf, uint32_t subleaf);
