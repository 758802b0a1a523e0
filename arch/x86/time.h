// SPDX-License-Identifier: MIT
// Time: the TSC as a clock in nanoseconds, each CPU's timer interrupt, and the date.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

// On the BSP, after apic_init_cpu: finds the rates of the TSC and the APIC timer, and reads the
// date. The clock starts at 0. Fails if tsc_rate_find does, and takes as long.
enum status time_init(const struct acpi_info *acpi, struct reason *why) MUST_CHECK;
// On each CPU, the BSP too, after time_init: sets its timer up, not running.
void time_init_cpu(void);

// Nanoseconds since time_init, the same on every CPU; 0 before. There is no division.
uint64_t time_now_ns(void);
// Sets this CPU's timer interrupt to `ns`, at once if that time has passed. NEVER_NS: none. The
// interrupt only wakes the CPU, and it may come early: look at the clock.
void time_set_deadline(uint64_t ns);
// The same, but the interrupt comes HOST_LATE_NS after `ns`, where another timer of the CPU's comes
// first. `ns` is not NEVER_NS. Returns time_ticks_until(ns).
uint64_t time_set_late_deadline(uint64_t ns);
// Waits at least so long without sleeping. Before time_init it does not wait.
void time_delay_ns(uint64_t ns);

// Whether the timer takes a value of the TSC. Else it counts down.
bool time_has_deadline_mode(void);
uint64_t time_tsc_hz(void);
uint64_t time_ns_to_tsc(uint64_t ns);   // a duration in TSC ticks, rounded up, saturating
uint64_t time_ticks_until(uint64_t ns); // the TSC ticks until the clock shows `ns`, in the same way
uint64_t time_ns_at_tsc(uint64_t tsc);  // what the clock shows when the TSC's value is that

// Seconds since 1970-01-01 00:00:00 UTC: the RTC's time at time_init, taken as UTC, plus the TSC.
uint64_t time_wall_clock_s(void);
