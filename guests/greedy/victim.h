// SPDX-License-Identifier: MIT
// The VMs beside a greedy one, which measure what is left for them.
#pragma once

#include "vmm/util/types.h"

// Computes for `ms=` and tells which share of the CPU's time it had, in thousandths, and the
// longest time without any. With `share=N` or `gap=US` it says "ok" if these are kept. Returns the
// exit status.
uint8_t victim_compute(const char *line);

// Waits `rounds=` times for a timer of `period=US`, and tells how late the handler's first
// instruction was, in ticks of the TSC. `source=` is one of deadline, hpet, pit and uart. It halts
// meanwhile; with `awake` it computes. It computes a hundredth of a period after each round.
uint8_t victim_sleep(const char *line);

// Computes for `ms=` and tells how long it was interrupted, in ticks of the TSC. With `period=US`
// a timer becomes due that often, whose interrupt it does not take.
uint8_t victim_count_gaps(const char *line);
