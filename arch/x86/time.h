// SPDX-License-Identifier: MIT
// Time: the TSC as a clock in nanoseconds, each CPU's timer interrupt, and the date.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;

// BSP, after apic_init_cpu: calibrates the TSC and the APIC timer against the PM timer, or the HPET
// or PIT where ACPI has no PM timer, and reads the date; the clock starts at 0. About 60 ms.
// Fails where none of these clocks runs.
enum status time_init(const struct acpi_info *acpi, struct reason *why) MUST_CHECK;
// Each CPU, the BSP too, after time_init: its timer, off.
void time_init_cpu(void);

// Since time_init; the same on every CPU; no division. 0 before.
uint64_t time_now_ns(void);
// This CPU's timer interrupt at `ns` (at once if that has passed); NEVER_NS: none. It only
// wakes the CPU, and it can come early: look at the clock.
void time_set_deadline(uint64_t ns);
// Busy, at least so long; nothing before time_init.
void time_delay_ns(uint64_t ns);

uint64_t time_tsc_hz(void);
uint64_t time_ns_to_tsc(uint64_t ns);  // a duration in TSC ticks, rounded up, saturating
uint64_t time_ns_at_tsc(uint64_t tsc); // what the clock shows when the TSC's value is that
uint64_t time_tsc_at_ns(uint64_t ns);  // the TSC's value when the clock shows `ns`, saturating
const char *time_source_name(void);    // what the TSC was measured against: "PM timer" ...

// Seconds since 1970-01-01 00:00:00 UTC: the RTC at time_init (taken as UTC), then the TSC.
uint64_t time_wall_clock_s(void);
