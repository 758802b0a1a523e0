// SPDX-License-Identifier: MIT
// One turn of a CPU's scheduler.
#pragma once

#include "vmm/util/types.h"

struct scheduler;

#define SCHEDULER_SLICE_NS 10000000ULL   // 10 ms
#define SCHEDULER_SLICE_MIN_NS 100000ULL // if another vCPU wakes before the slice ends

// Begins the resets and restarts that are due. Then gives one slice to whatever has had the least
// time: a runnable vCPU or the start of a VM. Returns false if none wants to run; `*wake_ns` is
// then the time at which to look again at the latest.
bool scheduler_step(struct scheduler *scheduler, uint64_t *wake_ns);
