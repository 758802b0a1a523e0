// SPDX-License-Identifier: MIT
// Attacks by the local APIC's timer: at its highest rate, and at moments that are of use.
#include "guests/greedy/attack.h"
#include "guests/greedy/time.h"
#include "guests/lib/apic.h"

#define SLEEP_US 1
#define NAP_US 10
#define BETWEEN_NAPS_US 90
#define SLICE_US 4900 // a little less than a slice may have
#define CROWD_WORKS_US 10
#define CROWD_SLEEPS_US 1000

// The shortest period that there is, a nanosecond in a VM.
static void start_fast_timer(uint32_t lvt)
{
    xapic_write(APIC_TIMER_DIVIDE, APIC_DIVIDE_BY_1);
    xapic_write(APIC_LVT_TIMER, APIC_LVT_PERIODIC | TIMER_VECTOR | lvt);
    xapic_write(APIC_TIMER_INITIAL, 1);
}

static void masked(void)
{
    start_fast_timer((uint32_t)APIC_LVT_MASKED);
    for (;;) {
        cpu_wait_for_interrupt();
    }
}

static void deaf(void)
{
    start_fast_timer(0);
    attack_halt_deaf();
}

static void above_all(void)
{
    start_fast_timer(0);
    attack_halt_above_all();
}

static void sleep_short(void)
{
    do {
        time_sleep(SLEEP_US);
    } while (!attack_over());
}

// Whoever wakes may run at once, so it wakes often.
static void nap(void)
{
    do {
        attack_compute(BETWEEN_NAPS_US);
        time_sleep(NAP_US);
    } while (!attack_over());
}

// Is asleep when slices end and those who ran are charged.
static void dodge(void)
{
    do {
        attack_compute(SLICE_US);
        time_sleep(NAP_US);
    } while (!attack_over());
}

static void crowd(void)
{
    do {
        attack_compute(CROWD_WORKS_US);
        time_sleep(CROWD_SLEEPS_US);
    } while (!attack_over());
}

static const struct attack attacks[] = {
    {"masked-timers", attack_rest, masked, false},
    {"deaf-timers", attack_rest, deaf, false},
    {"timers-below-tpr", attack_rest, above_all, false},
    {"short-sleeps", sleep_short, sleep_short, false},
    {"naps", nap, nap, false},
    {"dodge", dodge, dodge, false},
    {"crowd", crowd, crowd, false},
};

const struct attack_group timers_group = {attacks, ARRAY_SIZE(attacks)};
