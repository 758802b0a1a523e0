// SPDX-License-Identifier: MIT
// The CPUs of the fake machine, which take turns: a CPU can step while the guests of others are
// between two exits.
#pragma once

#include "tests/host/fake_host.h"
#include "vmm/util/types.h"

struct machine_cpu {
    bool steps;     // its scheduler's step is not over
    bool kicked;    // and has not looked since
    bool disturbed; // by a kick that has ended a run
    bool idle;      // found nothing to run, until `wake_ns`
    uint64_t wake_ns;
};

extern struct machine_cpu machine_cpus[FAKE_CPUS_MAX];

// Takes over the kicks and calls of the fake host, and what they disturb.
void machine_cpus_init(void);
// One step of that CPU's scheduler; none if one is not over. A CPU that sleeps until a time must
// find nothing to run before that, unless it was kicked.
void machine_cpus_step(unsigned number);
