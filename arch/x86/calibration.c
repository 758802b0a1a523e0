// SPDX-License-Identifier: MIT
// Measures the TSC and the APIC timer against a reference clock. It takes the median of several
// short windows, because the host of a virtual machine may take the CPU away inside one.
#include "arch/x86/calibration.h"

#include "arch/x86/apic.h"
#include "arch/x86/instructions.h"
#include "arch/x86/reference_clock.h"

#define WINDOWS 5
#define WINDOWS_PER_SECOND 100 // 10 ms each
#define TRIES 8
#define APIC_HZ_MAX 20000000000ULL
#define TSC_TICKS_MAX 100000000000ULL // tens of seconds: the limit for a window

struct sample {
    uint64_t tsc;
    uint64_t reference;
    uint32_t apic;
};

// Reads all three at nearly the same time: the fastest of several tries.
static struct sample take_sample(const struct reference_clock *reference)
{
    struct sample best = {0};
    uint64_t best_width = UINT64_MAX;
    for (unsigned i = 0; i < TRIES; i++) {
        uint64_t before = rdtsc();
        struct sample sample = {.reference = reference->read()};
        uint64_t after = rdtsc();
        sample.apic = apic_timer_count();
        sample.tsc = before + (after - before) / 2;
        if (after - before < best_width) {
            best_width = after - before;
            best = sample;
        }
    }
    return best;
}

static bool measure(const struct reference_clock *reference, struct clock_rates *rates)
{
    struct sample start = take_sample(reference);
    uint64_t window = reference->hz / WINDOWS_PER_SECOND;
    while (((reference->read() - start.reference) & reference->mask) < window) {
        if (rdtsc() - start.tsc > TSC_TICKS_MAX) {
            return false;
        }
    }
    struct sample end = take_sample(reference);
    uint64_t elapsed = (end.reference - start.reference) & reference->mask;
    if (elapsed == 0) {
        return false; // it wrapped exactly: nothing was measured
    }
    rates->tsc_hz = (end.tsc - start.tsc) * reference->hz / elapsed;
    rates->apic_hz = (uint64_t)(start.apic - end.apic) * reference->hz / elapsed;
    return true;
}

static uint64_t median(const uint64_t values[WINDOWS])
{
    for (unsigned i = 0; i < WINDOWS; i++) {
        unsigned below = 0;
        for (unsigned j = 0; j < WINDOWS; j++) {
            below += values[j] < values[i] || (values[j] == values[i] && j < i);
        }
        if (below == WINDOWS / 2) {
            return values[i];
        }
    }
    return values[0];
}

enum status calibrate(const struct reference_clock *reference, struct clock_rates *rates,
                      struct reason *why)
{
    uint64_t tsc_hz[WINDOWS];
    uint64_t apic_hz[WINDOWS];
    apic_timer_start(UINT32_MAX);
    for (unsigned i = 0; i < WINDOWS; i++) {
        if (!measure(reference, rates)) {
            return refuse(why, STATUS_HARDWARE, "the %s stands still", reference->name);
        }
        tsc_hz[i] = rates->tsc_hz;
        apic_hz[i] = rates->apic_hz;
    }
    apic_timer_start(0);
    rates->tsc_hz = median(tsc_hz);
    rates->apic_hz = median(apic_hz);
    if (rates->tsc_hz < TSC_HZ_MIN || rates->tsc_hz > TSC_HZ_MAX) {
        return refuse(why, STATUS_HARDWARE, "the TSC cannot run at %lu Hz", rates->tsc_hz);
    }
    if (rates->apic_hz == 0 || rates->apic_hz > APIC_HZ_MAX) {
        return refuse(why, STATUS_HARDWARE, "the APIC timer cannot run at %lu Hz", rates->apic_hz);
    }
    return STATUS_OK;
}
