// SPDX-License-Identifier: MIT
// How long a vCPU runs before the scheduler looks again.
#pragma once

#include "vmm/util/types.h"

struct scheduler;
struct vcpu;
struct vm;

// A run is not cut shorter than this. On a slow machine it is longer, so that the guests get nearly
// all of the time there too.
uint64_t scheduler_least_run_ns(const struct scheduler *scheduler);
// The end of a run of the VM that begins now. It is the end of the slice, or earlier if something
// else will want the CPU then.
uint64_t scheduler_run_end_ns(struct scheduler *scheduler, const struct vm *vm);
// For the vCPU that runs on this CPU, at the end of its run. If nothing else wants the CPU, the
// vCPU gets a new slice at once and a new run_end_ns. False: the scheduler must choose.
bool scheduler_extend_run(struct vcpu *vcpu, uint64_t now_ns);
