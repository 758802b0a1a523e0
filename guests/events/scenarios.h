// SPDX-License-Identifier: MIT
// The scenarios of scenarios.asm, which also has their table.
#pragma once

#include "vmm/util/types.h"

// What is done besides. scenarios.asm has the same numbers.
enum scenario_extra {
    EXTRA_NONE,
    EXTRA_INTERRUPT, // an interrupt waits from the start
    // The handler of the first NMI sends more of them:
    EXTRA_NMI_THREE,     // three
    EXTRA_NMI_STEP,      // one, and returns to a single step
    EXTRA_NMI_INTERRUPT, // one and an interrupt
    EXTRA_NMI_NOWHERE,   // one, and its IRET faults
};

struct scenario {
    const char *name;
    void (*run)(void);
    const uint8_t *at;    // the instruction under test
    const uint8_t *after; // where the handler of a fault goes on
    uint64_t dr7;
    uint64_t extra; // enum scenario_extra
};
static_assert(sizeof(struct scenario) == 48, "as in scenarios.asm");

extern const struct scenario scenarios[];
extern const struct scenario scenarios_end[];

extern uint64_t scenario_rsp; // the stack of a scenario that sends an NMI

// Holds the selector of SS. DR0 watches it if DR7 says so.
extern uint16_t watched;
