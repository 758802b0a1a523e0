// SPDX-License-Identifier: MIT
// An MSR by which firmware allows or forbids virtualisation, and may lock its choice. Pure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct firmware_switch {
    const char *technology; // "VT-x"
    const char *msr;        // "IA32_FEATURE_CONTROL"
    const char *setting;    // what the firmware's set-up calls it
    uint64_t locked;        // with this bit the MSR cannot be written until the next reset
    uint64_t on;            // bits that must be set,
    uint64_t off;           // and those that must be clear, for it to work
};

// The value to write so that it works; `value` itself: nothing need be written. Fails where the
// firmware has switched it off and locked that: `why` says what a person can do.
enum status firmware_switch_settle(const struct firmware_switch *firmware, uint64_t value,
                                   uint64_t *wanted, struct reason *why);
