// SPDX-License-Identifier: MIT
// The model of a High Precision Event Timer with three timers (IA-PC HPET specification 1.0a).
#pragma once

#include "vmm/util/types.h"

#define HPET_BASE 0xfed00000ULL // where a VM has it
#define HPET_BYTES 0x400
#define HPET_TIMERS 3
#define HPET_TICK_NS 10

// Lower half of the capability register: Intel's vendor ID, the legacy replacement route, a counter
// of 64 bits, the last timer's number, revision 1. The ACPI table repeats it.
#define HPET_ID (0x8086U << 16 | 1U << 15 | 1U << 13 | (HPET_TIMERS - 1) << 8 | 1U)
// The inputs of the I/O APIC that timers may be routed to. Nothing else is wired to them.
#define HPET_ROUTES 0x00ff0000U
// In legacy replacement mode timers 0 and 1 have the routes of the 8254 and the RTC.
#define HPET_LEGACY_GSI_0 2
#define HPET_LEGACY_GSI_1 8

struct hpet_output {
    // The new level of an input of the I/O APIC.
    void (*set)(struct hpet_output *output, unsigned gsi, bool level);
    // Legacy replacement mode is on or off. While it is on, the 8254 and the RTC have no
    // interrupts.
    void (*legacy)(struct hpet_output *output, bool on);
};

struct hpet_timer {
    uint32_t config;
    bool sets_value; // VAL_SET: the next write sets the comparator too, not only the period
    uint64_t comparator;
    uint64_t period;
};

struct hpet {
    struct hpet_output *output;
    uint32_t config;
    uint32_t status;  // of level-triggered timers
    uint64_t count;   // of the main counter at base_ns, or while the counter is halted
    uint64_t base_ns; // when the counter started with `count`
    uint64_t seen_ns; // matches up to this time have been handled
    uint32_t lines;   // the levels that `output` was told
    struct hpet_timer timers[HPET_TIMERS];
};

void hpet_init(struct hpet *hpet, struct hpet_output *output, uint64_t now_ns);
void hpet_reset(struct hpet *hpet, uint64_t now_ns);

// Aligned accesses of 4 and 8 bytes. An access that is not aligned reads 0 and writes nothing. A
// narrower access reads its part and writes nothing. `offset` is below HPET_BYTES.
uint64_t hpet_read(struct hpet *hpet, unsigned offset, unsigned width, uint64_t now_ns);
void hpet_write(struct hpet *hpet, unsigned offset, unsigned width, uint64_t value,
                uint64_t now_ns);

// Whether the counter runs and timers interrupt.
bool hpet_is_enabled(const struct hpet *hpet);
// Whether legacy replacement mode is on.
bool hpet_is_legacy(const struct hpet *hpet);

// When timer `index` raises its interrupt next: `now_ns` if it is overdue, NEVER_NS if it does not.
uint64_t hpet_timer_event_ns(const struct hpet *hpet, unsigned index, uint64_t now_ns);
// The input that the interrupts of that timer go to. Valid if it has an event.
unsigned hpet_input(const struct hpet *hpet, unsigned index);
void hpet_advance(struct hpet *hpet, uint64_t now_ns);
