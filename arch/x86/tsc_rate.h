// SPDX-License-Identifier: MIT
// The rate of the TSC: measured, or stated by the CPU or its hypervisor.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct acpi_info;
struct clock_rates;

// On the BSP, whose APIC timer must be set up as one-shot. Fills `rates` by the first of these that
// works: a measurement against the PM timer, the HPET or the PIT; a stated rate; a measurement
// against the seconds of the CMOS clock. The first takes 50 ms, the last up to two seconds.
enum status tsc_rate_find(const struct acpi_info *acpi, struct clock_rates *rates,
                          struct reason *why) MUST_CHECK;

// Afterwards: what was found, in lines. `*next` must be 0 at the first call. The first line gives
// the rate and where it is from. Each further line names one who states another rate (by more than
// 1 %). False: there are no more lines.
bool tsc_rate_describe(unsigned *next, char *text, size_t size);
