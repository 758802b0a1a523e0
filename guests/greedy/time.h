// SPDX-License-Identifier: MIT
// Time in ticks of the TSC, and the timer that wakes at a tick.
#pragma once

#include "vmm/util/types.h"

// Measures the TSC. Returns false if the local APIC has no TSC-deadline timer.
bool time_init(void);

uint64_t time_ticks(uint64_t us);
uint64_t time_us(uint64_t ticks);

// Makes the local APIC's timer interrupt with TIMER_VECTOR when the TSC reaches this; never if it
// is UINT64_MAX.
void time_wake_at(uint64_t tsc);

// Halts for this long, with interrupts on.
void time_sleep(uint64_t us);
