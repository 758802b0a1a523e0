// SPDX-License-Identifier: MIT
// The HPET: switching it off, and one timer of it.
#include "guests/lib/hpet.h"

#define SOON 50 // ticks

void hpet_quiet(void)
{
    *hpet_at(HPET_CONFIG) = 0;
    for (unsigned timer = 0; timer < HPET_TIMERS; timer++) {
        *hpet_timer_at(HPET_TIMER_CONFIG, timer) = 0;
        *hpet_timer_at(HPET_TIMER_COMPARATOR, timer) = UINT64_MAX;
    }
    *hpet_at(HPET_STATUS) = UINT64_MAX;
    *hpet_at(HPET_COUNTER) = 0;
}

void hpet_start(unsigned timer, uint64_t config, unsigned pin, uint64_t comparator)
{
    *hpet_timer_at(HPET_TIMER_CONFIG, timer) =
        config | TIMER_INTERRUPT | (uint64_t)pin << TIMER_ROUTE_SHIFT;
    *hpet_timer_at(HPET_TIMER_COMPARATOR, timer) = comparator;
    *hpet_at(HPET_CONFIG) = HPET_ENABLE;
}

void hpet_raise_level(unsigned timer, unsigned pin)
{
    hpet_quiet();
    hpet_start(timer, TIMER_LEVEL, pin, SOON);
    while (*hpet_at(HPET_STATUS) == 0) {
    }
}
