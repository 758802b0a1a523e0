// SPDX-License-Identifier: MIT
// An MSR with which firmware allows or forbids virtualisation. Firmware may lock its choice. Pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct firmware_switch {
    const char *technology; // "VT-x"
    const char *msr;        // "IA32_FEATURE_CONTROL"
    const char *setting;    // its name in the firmware's set-up
    uint64_t locked;        // with this bit the MSR cannot be written until the next reset
    uint64_t on;            // bits that must be set for the technology to work
    uint64_t off;           // bits that must be clear
};

// Gives the value to write so that the technology works. If it is `value` itself, no write is
// needed. Fails where the firmware has switched the technology off and locked the MSR; `why` then
// says what a person can do.
enum status firmware_switch_settle(const struct firmware_switch *firmware, uint64_t value,
                                   uint64_t *wanted, struct reason *why);
