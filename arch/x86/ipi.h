// SPDX-License-Identifier: MIT
// Messages between CPUs: kicks, calls on another CPU, and idling until a message comes.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

// BSP, once, after apic_init: takes the kick vector.
void ipi_init(void);

// Makes `cpu` leave cpu_idle or its guest soon. Several kicks may count as one. From any CPU and
// from interrupt handlers.
void ipi_kick(unsigned cpu);

// The same, where `cpu` may be in a guest that takes posted interrupts. Such a guest gets what is
// posted, and the CPU stays in it (SDM Vol. 3C 30.6).
void ipi_post(unsigned cpu);

// Runs `call` on `cpu` when that CPU is next in ipi_run_calls or cpu_idle, and waits for its end.
// On the own CPU the call is direct. While it waits it takes interrupts and runs the calls of other
// CPUs, so two CPUs may call each other. Not from an interrupt handler.
// STATUS_BUSY: the CPU did not take the call within a second, and the log says so. `call` will not
// run later. From then on each call to that CPU is refused at once, until the CPU is in
// ipi_run_calls or cpu_idle again.
MUST_CHECK enum status ipi_call(unsigned cpu, void (*call)(void *), void *argument);
// False: calls to that CPU are refused.
bool ipi_answers(unsigned cpu);

// Runs the calls that other CPUs have posted to this one. The main loop of each CPU calls it.
void ipi_run_calls(void);

// Sleeps until an interrupt comes. Returns at once if a call is posted to this CPU, or a kick
// came since the last cpu_idle. In either case it takes interrupts and runs the posted calls.
// Interrupts are off before and after.
void cpu_idle(void);
