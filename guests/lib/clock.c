// SPDX-License-Identifier: MIT
// Time that does not depend on interrupts: Husk's clock, or the TSC on a machine without Husk.
#include "guests/lib/clock.h"

#include "guests/lib/cpu.h"
#include "guests/lib/hypercall.h"
#include "guests/lib/pit.h"

#define CALIBRATION_PIT_TICKS 59659 // 50 ms
#define CALIBRATIONS_A_SECOND 20

static bool have_husk;
static uint64_t tsc_hz;

void clock_init(void)
{
    have_husk = husk_present();
    if (!have_husk) {
        const uint64_t start = tsc_read();
        pit_wait(CALIBRATION_PIT_TICKS);
        tsc_hz = (tsc_read() - start) * CALIBRATIONS_A_SECOND;
    }
}

uint64_t clock_ns(void)
{
    if (have_husk) {
        return hypercall(HYPERCALL_CLOCK_NS, 0, 0);
    }
    const uint64_t now = tsc_read();
    return now / tsc_hz * NS_PER_S + now % tsc_hz * NS_PER_S / tsc_hz;
}

// Reading the clock is a hypercall, so not every round does it.
bool clock_wait_for_count(const volatile uint32_t *counter, uint32_t wanted, uint64_t patience_ns)
{
    const uint64_t start = clock_ns();
    do {
        for (unsigned i = 0; i < 1000; i++) {
            if (__atomic_load_n(counter, __ATOMIC_ACQUIRE) >= wanted) {
                return true;
            }
            cpu_pause();
        }
    } while (clock_ns() - start < patience_ns);
    return false;
}
