// SPDX-License-Identifier: MIT
// One turn of a CPU's scheduler.
#pragma once

#include "vmm/util/types.h"

struct scheduler;

#define SCHEDULER_SLICE_NS 10000000ULL   // 10 ms
#define SCHEDULER_SLICE_MIN_NS 100000ULL // where another vCPU wakes before the slice ends

// Runs the vCPU that has had the least time for a slice, or goes on with a start that has, and
// begins resets and restarts that are due. False: none wants to run; `*wake_ns` is then when one
// will, at the latest.
bool scheduler_step(struct scheduler *scheduler, uint64_t *wake_ns);
