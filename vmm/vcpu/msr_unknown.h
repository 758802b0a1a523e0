// SPDX-License-Identifier: MIT
// An access to an MSR that the guest does not have.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"

struct vcpu;

// What becomes of RDMSR and WRMSR: #GP. The access is counted, and the number of the MSR is kept
// for the monitor. With `ignorable`, and msrs=ignore on the VM's line, the instruction does nothing
// instead and a read gives 0; the log names each such MSR once, up to VM_LOGGED_MSRS.
enum exit_action msr_unknown(struct vcpu *vcpu, uint32_t msr, bool ignorable);
