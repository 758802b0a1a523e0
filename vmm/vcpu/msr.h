// SPDX-License-Identifier: MIT
// The model-specific registers that Husk answers for a guest.
#pragma once

#include "vmm/exit.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/msr_model.h"

struct nested_space;
struct space_ops;

struct vcpu;

#define MTRR_VARIABLE 8
#define MTRR_FIXED 11

// MSRs whose values are kept only here. Guests may write what hardware would take. The MTRRs have
// no effect: the nested page table decides the real memory types.
struct msr_state {
    uint64_t misc_enable;
    uint64_t bios_sign_id;
    uint64_t mcg_status;
    uint64_t mtrr_def_type;
    uint64_t mtrr_variable[2 * MTRR_VARIABLE]; // base and mask in turn
    uint64_t mtrr_fixed[MTRR_FIXED];
    struct msr_model_state model;
};

void msr_reset(struct msr_state *state);

// Lets guests access without an exit the MSRs that hold the vCPU's own values while it runs.
void msr_set_intercepts(const struct space_ops *ops, struct nested_space *nested);

// RDMSR and WRMSR, with the MSR's number in RCX and its value in RAX and RDX. An access to an MSR
// that the guest does not have ends as msr_unknown says.
enum exit_action msr_read_exit(struct vcpu *vcpu);
enum exit_action msr_write_exit(struct vcpu *vcpu);
