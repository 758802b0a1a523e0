// SPDX-License-Identifier: MIT
// The registers of a vCPU that is loaded, as GDB is shown them.
#pragma once

#include "vmm/util/types.h"

struct gdb_registers;
struct vcpu;

void gdb_vcpu_get(struct vcpu *vcpu, struct gdb_registers *registers);
// Writes those that differ from the vCPU's. False, and nothing is written: a new value cannot be
// in its register, or the register cannot be written.
bool gdb_vcpu_set(struct vcpu *vcpu, const struct gdb_registers *registers);
