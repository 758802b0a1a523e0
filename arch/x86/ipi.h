// SPDX-License-Identifier: MIT
// CPUs that talk to each other: kicks, calls on another CPU, and idling until one comes.
#pragma once

#include "vmm/util/types.h"

// BSP, once, after apic_init: takes the kick vector.
void ipi_init(void);

// Makes `cpu` leave cpu_idle or its guest soon. Kicks do not add up. From any CPU and handler.
void ipi_kick(unsigned cpu);

// The same where `cpu` may be in a guest of a kind that takes posted interrupts: then the guest
// gets what is posted, and the CPU stays in it (SDM Vol. 3C 30.6).
void ipi_post(unsigned cpu);

// Runs `call` on `cpu` the next time that it is in ipi_run_calls or cpu_idle, and waits for its
// end; runs the calls of others meanwhile, so that two CPUs may call each other. The own CPU:
// directly. Takes interrupts meanwhile. Not from an interrupt handler.
void ipi_call(unsigned cpu, void (*call)(void *), void *argument);

// Runs what others have posted to this CPU. The main loop of each CPU calls it.
void ipi_run_calls(void);
// Whether a call waits for this CPU, or a kick came since the last cpu_idle.
bool ipi_pending(void);

// Sleeps until an interrupt; returns at once if a kick came or a call waits since the last time.
// Takes interrupts and runs waiting calls in either case. Called and returns with interrupts off.
void cpu_idle(void);
