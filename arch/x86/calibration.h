// SPDX-License-Identifier: MIT
// How fast the TSC and the APIC timer run.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct reference_clock;

#define TSC_HZ_MIN 1000000ULL     // of a very slow emulator
#define TSC_HZ_MAX 20000000000ULL // the limit of the clock's arithmetic

struct clock_rates {
    uint64_t tsc_hz;
    uint64_t apic_hz; // of the APIC timer, undivided
};

// Measures for about 50 ms on the calling CPU. Its APIC timer must be set up as one-shot.
// STATUS_HARDWARE: the reference stood still, or the measured rate makes no sense.
enum status calibrate(const struct reference_clock *reference, struct clock_rates *rates,
                      struct reason *why) MUST_CHECK;
