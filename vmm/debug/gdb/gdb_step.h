// SPDX-License-Identifier: MIT
// A single step of a vCPU.
#pragma once

#include "vmm/debug/gdb/gdb_target.h"

struct vcpu;

// To be called by vm_call, for a VM that is paused. Its clock runs for the time of the call, which
// is far less than 1 ms.
enum gdb_step gdb_step(struct vcpu *vcpu);
