// SPDX-License-Identifier: MIT
// Hides from the guest the RFLAGS.TF of a step, on processors without FEATURE_STEP_EXACT.
#pragma once

#include "vmm/backend.h"
#include "vmm/util/types.h"

struct vcpu;

enum gdb_hidden_in { HIDDEN_NOWHERE, HIDDEN_ON_STACK, HIDDEN_IN_R11, HIDDEN_IN_R11_BEFORE };

struct gdb_step_trap {
    enum gdb_hidden_in in;
    uint64_t syscall_mask; // HIDDEN_IN_R11: the guest's
};

// Before the run that makes the step: what is to be written to REG_STEP for the instruction that is
// next.
enum step gdb_step_trap_begin(struct gdb_step_trap *trap, struct vcpu *vcpu);
// After the run.
void gdb_step_trap_end(const struct gdb_step_trap *trap, struct vcpu *vcpu, bool done);
