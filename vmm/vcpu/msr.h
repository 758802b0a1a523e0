// SPDX-License-Identifier: MIT
// The model-specific registers that Husk answers for a guest.
#pragma once

#include "vmm/backend.h"

struct vcpu;

#define MTRR_VARIABLE 8
#define MTRR_FIXED 11

// Values that nothing else keeps. Guests may write what hardware would take; EPT decides the real
// memory types, so they have no effect.
struct msr_state {
    uint64_t misc_enable;
    uint64_t bios_sign_id;
    uint64_t mcg_status;
    uint64_t mtrr_def_type;
    uint64_t mtrr_variable[2 * MTRR_VARIABLE]; // base and mask in turn
    uint64_t mtrr_fixed[MTRR_FIXED];
};

void msr_reset(struct msr_state *state);

// Lets the guest reach what its VM keeps for it without an exit.
void msr_set_intercepts(const struct space_ops *ops, struct nested_space *nested);

// RDMSR and WRMSR with the MSR's number in RCX: RAX and RDX are read or set, an MSR that the guest
// does not have faults, is counted and remembered.
enum exit_action msr_read_exit(struct vcpu *vcpu);
enum exit_action msr_write_exit(struct vcpu *vcpu);
