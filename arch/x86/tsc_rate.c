// SPDX-License-Identifier: MIT
// Decides which of the machine's clocks and statements gives the TSC's rate.
#include "arch/x86/tsc_rate.h"

#include "arch/x86/calibration.h"
#include "arch/x86/instructions.h"
#include "arch/x86/mc146818.h"
#include "arch/x86/reference_clock.h"
#include "arch/x86/stated_rates.h"
#include "vmm/util/format.h"

#define KHZ 1000

// Written by tsc_rate_find, then constant.
static struct stated_rates stated;
static uint64_t used_hz;
static const char *how; // "measured against the"
static const char *by_whom;

// The TSC itself as the clock to measure the APIC timer against.
static struct reference_clock known_tsc = {.name = "TSC", .mask = UINT64_MAX, .read = rdtsc};

static bool use(const struct reference_clock *clock, struct clock_rates *rates, const char *verb,
                const char *name, struct reason *why)
{
    if (calibrate(clock, rates, why) != STATUS_OK) {
        return false;
    }
    used_hz = rates->tsc_hz;
    how = verb;
    by_whom = name;
    return true;
}

static bool use_known_rate(uint64_t hz, struct clock_rates *rates, const char *verb,
                           const char *name, struct reason *why)
{
    known_tsc.hz = hz;
    return hz != 0 && use(&known_tsc, rates, verb, name, why);
}

enum status tsc_rate_find(const struct acpi_info *acpi, struct clock_rates *rates,
                          struct reason *why)
{
    static const char against[] = "measured against the";
    const struct reference_clock *clock;
    unsigned next = 0;
    // A clock that runs and cannot be used says more.
    enum status status =
        refuse(why, STATUS_HARDWARE,
               "no PM timer, HPET, PIT or CMOS clock runs, and nothing states the TSC's rate");
    stated_rates_read(&stated);
    while ((clock = reference_clock_next(acpi, &next))) {
        if (use(clock, rates, against, clock->name, why)) {
            return STATUS_OK;
        }
    }
    for (unsigned i = 0; i < RATE_COUNT; i++) {
        if (use_known_rate(stated.hz[i], rates, "as stated by", stated_rate_name(i), why)) {
            return STATUS_OK;
        }
    }
    bool found = use_known_rate(mc146818_tsc_hz(), rates, against, "CMOS clock", why);
    return found ? STATUS_OK : status;
}

bool tsc_rate_describe(unsigned *next, char *text, size_t size)
{
    unsigned line = (*next)++;
    if (line == 0) {
        format_text(text, size, "TSC at %lu kHz, %s %s", used_hz / KHZ, how, by_whom);
        return true;
    }
    for (; line <= RATE_COUNT; line = (*next)++) {
        uint64_t hz = stated.hz[line - 1];
        if (hz != 0 && !stated_rates_agree(hz, used_hz)) {
            format_text(text, size, "%s states another rate, %lu kHz", stated_rate_name(line - 1),
                        hz / KHZ);
            return true;
        }
    }
    return false;
}
