// SPDX-License-Identifier: MIT
// The VM's clock as a function of the guest's TSC (kvm-clock), and the date at which it began.
#pragma once

#include "vmm/address.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

struct vcpu;
struct vm;

// What a VM has. Its vCPUs write each other's structures, so a lock is held meanwhile.
struct paravirt_clock {
    struct lock lock; // also of MSR_KVM_SYSTEM_TIME of all vCPUs
    uint32_t version; // of the last structure that was written
};

// Sets MSR_KVM_SYSTEM_TIME to a value that has been checked, and fills the structure.
void paravirt_clock_set(struct vcpu *vcpu, uint64_t value);
// The vCPU has another TSC (vcpu->tsc_adjust). Fills the structures of all vCPUs anew, because they
// say whether the TSCs are equal.
void paravirt_clock_adjust(struct vcpu *vcpu);
// Fills the structure at `address`, which has been checked.
void paravirt_wall_clock_tell(struct vm *vm, gpa_t address);
