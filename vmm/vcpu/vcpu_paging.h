// SPDX-License-Identifier: MIT
// The registers of a vCPU on which the way of a linear address depends.
#pragma once

#include "vmm/memory/guest_walk.h"

struct vcpu;

// For a walk through the guest's own page tables. To be called on the vCPU's CPU.
struct paging_state vcpu_paging(const struct vcpu *vcpu);
