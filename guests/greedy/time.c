// SPDX-License-Identifier: MIT
// Time in ticks of the TSC, and the timer that wakes at a tick.
#include "guests/greedy/time.h"

#include "arch/x86/msr_numbers.h"
#include "guests/greedy/attack.h"
#include "guests/lib/apic.h"
#include "guests/lib/clock.h"

#define MEASURED_NS (5 * NS_PER_MS)
#define SAMPLES 5

struct moment {
    uint64_t tsc;
    uint64_t ns;
};

static uint64_t ticks_a_ms;

// Reads both clocks some times, and takes the pair that was read the quickest: in others the CPU
// may have been taken away in between.
static struct moment read_clocks(void)
{
    struct moment best = {0, 0};
    uint64_t shortest = UINT64_MAX;
    for (unsigned i = 0; i < SAMPLES; i++) {
        const uint64_t before = tsc_read();
        const uint64_t ns = clock_ns();
        const uint64_t after = tsc_read();
        if (after - before < shortest) {
            shortest = after - before;
            best = (struct moment){before + shortest / 2, ns};
        }
    }
    return best;
}

bool time_init(void)
{
    if (!apic_has_tsc_deadline()) {
        return false;
    }
    clock_init();
    const struct moment start = read_clocks();
    while (clock_ns() - start.ns < MEASURED_NS) {
    }
    const struct moment end = read_clocks();
    ticks_a_ms = (end.tsc - start.tsc) * NS_PER_MS / (end.ns - start.ns);
    return true;
}

uint64_t time_ticks(uint64_t us)
{
    return us * ticks_a_ms / 1000;
}

uint64_t time_us(uint64_t ticks)
{
    return ticks * 1000 / ticks_a_ms;
}

void time_wake_at(uint64_t tsc)
{
    xapic_write(APIC_LVT_TIMER, APIC_LVT_TSC_DEADLINE | TIMER_VECTOR);
    msr_write(IA32_TSC_DEADLINE, tsc == UINT64_MAX ? 0 : tsc);
}

void time_sleep(uint64_t us)
{
    const uint64_t end = tsc_read() + time_ticks(us);
    time_wake_at(end);
    while (tsc_read() < end) {
        cpu_wait_for_interrupt();
    }
    cpu_interrupts_on();
}
