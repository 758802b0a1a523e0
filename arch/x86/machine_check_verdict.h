// SPDX-License-Identifier: MIT
// What a machine check leaves intact, by the registers that report it. Pure, for tests.
#pragma once

#include "vmm/util/types.h"

// IA32_MCG_CAP and IA32_MCG_STATUS (SDM Vol. 3B 16.3.1).
#define MCG_CAP_BANKS 0xff
#define MCG_CAP_CTL BIT(8)
#define MCG_CAP_RECOVERY BIT(24) // SER_P: MC_STATUS_ACTION_REQUIRED has a meaning
#define MCG_STATUS_RESTART_VALID BIT(0)
#define MCG_STATUS_ERROR_VALID BIT(1)

// IA32_MCi_STATUS (SDM Vol. 3B 16.3.2.2).
#define MC_STATUS_ACTION_REQUIRED BIT(55)
#define MC_STATUS_SIGNALED BIT(56)
#define MC_STATUS_CONTEXT_CORRUPT BIT(57)
#define MC_STATUS_ADDRESS_VALID BIT(58)
#define MC_STATUS_UNCORRECTED BIT(61)
#define MC_STATUS_OVERFLOW BIT(62)
#define MC_STATUS_VALID BIT(63)

// A later verdict is the worse one.
enum machine_check_verdict {
    MACHINE_CHECK_GO_ON,      // what was interrupted can go on
    MACHINE_CHECK_CANNOT_RUN, // what was interrupted cannot go on, all else can
    MACHINE_CHECK_FATAL,      // the CPU cannot go on
};

struct machine_check {
    uint64_t capabilities; // IA32_MCG_CAP
    uint64_t status;       // IA32_MCG_STATUS
    bool in_guest;         // it came while a guest ran, so that a guest's state is what may be lost
    bool has_erratum_383;  // an AMD processor of family 10h
};

// The verdict by IA32_MCG_STATUS alone: whether the interrupted instruction can be run again.
enum machine_check_verdict machine_check_verdict(const struct machine_check *check);
// The verdict by bank `bank`, whose IA32_MCi_STATUS is `bank_status`. The worst of all counts.
enum machine_check_verdict machine_check_bank_verdict(const struct machine_check *check,
                                                      uint32_t bank, uint64_t bank_status);
