// SPDX-License-Identifier: MIT
// The clock of all CPUs, and the timer of each.
#include "arch/x86/time.h"

#include "arch/x86/acpi.h"
#include "arch/x86/apic.h"
#include "arch/x86/calibration.h"
#include "arch/x86/clock_scale.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/errata.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/instructions.h"
#include "arch/x86/mc146818.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/tsc_rate.h"
#include "arch/x86/vectors.h"
#include "vmm/host.h"
#include "vmm/util/nanoseconds.h"

// Written by time_init, then constant.
static struct clock_rates rates;
static uint64_t base_tsc;
static uint64_t ns_per_tick; // factors of clock_scale
static uint64_t ticks_per_ns;
static uint64_t apic_ticks_per_ns;
static uint64_t wall_clock_base_s;
static bool has_deadline_mode;
static uint64_t late_ticks; // HOST_LATE_NS

enum status time_init(const struct acpi_info *acpi, struct reason *why)
{
    apic_timer_setup(APIC_TIMER_ONE_SHOT, VECTOR_TIMER);
    enum status status = tsc_rate_find(acpi, &rates, why);
    if (status != STATUS_OK) {
        return status;
    }
    ticks_per_ns = clock_scale_factor(NS_PER_S, rates.tsc_hz);
    late_ticks = time_ns_to_tsc(HOST_LATE_NS);
    apic_ticks_per_ns = clock_scale_factor(NS_PER_S, rates.apic_hz);
    has_deadline_mode = (cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0 &&
                        !feature_is_off(OPTIONAL_TSC_DEADLINE) &&
                        !erratum_in_force(ERRATUM_TSC_DEADLINE);
    wall_clock_base_s = mc146818_read(acpi->rtc_century);
    base_tsc = rdtsc();
    ns_per_tick = clock_scale_factor(rates.tsc_hz, NS_PER_S);
    return STATUS_OK;
}

void time_init_cpu(void)
{
    apic_timer_setup(has_deadline_mode ? APIC_TIMER_TSC_DEADLINE : APIC_TIMER_ONE_SHOT,
                     VECTOR_TIMER);
    time_set_deadline(NEVER_NS);
}

uint64_t time_now_ns(void)
{
    return time_ns_at_tsc(rdtsc());
}

// What lies beyond 4 s comes early.
static void set_one_shot(uint64_t ns)
{
    uint64_t now = time_now_ns();
    uint64_t left = ns <= now ? 0 : MIN(ns - now, UINT32_MAX);
    uint64_t count = clock_scale(left, apic_ticks_per_ns) + 1;
    apic_timer_start(ns == NEVER_NS ? 0 : (uint32_t)MIN(count, UINT32_MAX));
}

// It counts from now, not from 0: the two factors are not exact inverses, and over months the
// difference would become milliseconds.
static uint64_t ticks_until(uint64_t ns, uint64_t now)
{
    uint64_t now_ns = time_ns_at_tsc(now);
    return ns > now_ns ? time_ns_to_tsc(ns - now_ns) : 0;
}

uint64_t time_ticks_until(uint64_t ns)
{
    return ticks_until(ns, rdtsc());
}

// Sets the timer to `late` ticks after the clock shows `ns`. NEVER_NS becomes a time in centuries.
static uint64_t set_tsc_deadline(uint64_t ns, uint64_t late)
{
    uint64_t now = rdtsc();
    uint64_t ticks = ticks_until(ns, now);
    uint64_t deadline = now + ticks + late;
    wrmsr(IA32_TSC_DEADLINE, deadline < now ? UINT64_MAX : deadline);
    return ticks;
}

void time_set_deadline(uint64_t ns)
{
    if (has_deadline_mode) {
        (void)set_tsc_deadline(ns, 0);
    } else {
        set_one_shot(ns);
    }
}

uint64_t time_set_late_deadline(uint64_t ns)
{
    if (has_deadline_mode) {
        return set_tsc_deadline(ns, late_ticks);
    }
    set_one_shot(ns + HOST_LATE_NS);
    return time_ticks_until(ns);
}

void time_delay_ns(uint64_t ns)
{
    uint64_t start = rdtsc();
    uint64_t ticks = rates.tsc_hz != 0 ? time_ns_to_tsc(ns) : 0;
    while (rdtsc() - start < ticks) {
        pause();
    }
}

bool time_has_deadline_mode(void)
{
    return has_deadline_mode;
}

uint64_t time_tsc_hz(void)
{
    return rates.tsc_hz;
}

uint64_t time_ns_to_tsc(uint64_t ns)
{
    return clock_scale_up(ns, ticks_per_ns);
}

uint64_t time_ns_at_tsc(uint64_t tsc)
{
    return clock_scale(tsc - base_tsc, ns_per_tick);
}

uint64_t time_wall_clock_s(void)
{
    return wall_clock_base_s + time_now_ns() / NS_PER_S;
}
