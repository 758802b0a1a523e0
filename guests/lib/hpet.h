// SPDX-License-Identifier: MIT
// The HPET (IA-PC HPET specification 1.0a).
#pragma once

#include "vmm/util/types.h"

#define HPET_ADDRESS 0xfed00000ULL
#define HPET_BYTES 0x400
#define HPET_TIMERS 3

enum hpet_register {
    HPET_CAPABILITIES = 0x00,
    HPET_CONFIG = 0x10,
    HPET_STATUS = 0x20,
    HPET_COUNTER = 0xf0,
    HPET_TIMER_CONFIG = 0x100, // and every HPET_TIMER_STRIDE
    HPET_TIMER_COMPARATOR = 0x108,
};

#define HPET_TIMER_STRIDE 0x20
#define HPET_ENABLE BIT(0)
#define TIMER_LEVEL BIT(1)
#define TIMER_INTERRUPT BIT(2)
#define TIMER_PERIODIC BIT(3)
#define TIMER_SET_VALUE BIT(6)
#define TIMER_32_BITS BIT(8)
#define TIMER_ROUTE_SHIFT 9
#define TIMER_ROUTE_MASK 0x1fULL

static inline volatile uint64_t *hpet_at(unsigned offset)
{
    return (volatile uint64_t *)(uintptr_t)(HPET_ADDRESS + offset);
}

static inline volatile uint64_t *hpet_timer_at(unsigned offset, unsigned timer)
{
    return hpet_at(offset + timer * HPET_TIMER_STRIDE);
}

// Stops the counter at 0, makes all timers off and edge-triggered, and ends all levels.
void hpet_quiet(void);

// Starts the counter and one timer, whose interrupts go to input `pin` of the I/O APIC. `config` is
// for its other bits. A periodic timer's first match and period are `comparator` ticks.
void hpet_start(unsigned timer, uint64_t config, unsigned pin, uint64_t comparator);

// Makes the level of an input of the I/O APIC rise after some ticks. It stays until hpet_quiet.
void hpet_raise_level(unsigned timer, unsigned pin);
