// SPDX-License-Identifier: MIT
// The model of an HPET: the main counter, what happens when a comparator matches it, registers.
#include "vmm/devices/hpet.h"

#include "vmm/devices/device.h"

#define NS_TO_FS 1000000ULL
#define FAR_TICKS BIT(60) // no event is announced for a match that is farther away (360 years)

enum hpet_register {
    HPET_CAPABILITIES = 0x00,
    HPET_CONFIG = 0x10,
    HPET_STATUS = 0x20,
    HPET_COUNTER = 0xf0,
    HPET_TIMER_0 = 0x100, // timers 1 and 2 follow at TIMER_STRIDE
};

#define TIMER_STRIDE 0x20
#define TIMERS_END (HPET_TIMER_0 + HPET_TIMERS * TIMER_STRIDE)

enum timer_register {
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08
}; // there is no FSB register (0x10)

enum config_bits { CONFIG_ENABLE = BIT(0), CONFIG_LEGACY = BIT(1) };

enum timer_bits {
    TIMER_LEVEL = BIT(1),
    TIMER_INTERRUPT = BIT(2),
    TIMER_PERIODIC = BIT(3),
    TIMER_CAN_PERIODIC = BIT(4),
    TIMER_CAN_64 = BIT(5),
    TIMER_SET_VALUE = BIT(6), // reads 0
    TIMER_32_BITS = BIT(8),
    TIMER_ROUTE_SHIFT = 9,
    TIMER_ROUTE = 0x1f << TIMER_ROUTE_SHIFT,
    TIMER_KEPT = TIMER_LEVEL | TIMER_INTERRUPT | TIMER_PERIODIC | TIMER_32_BITS | TIMER_ROUTE,
};

#define NO_GSI 32

// ---- Interrupts ----

bool hpet_is_enabled(const struct hpet *hpet)
{
    return hpet->config & CONFIG_ENABLE;
}

bool hpet_is_legacy(const struct hpet *hpet)
{
    return hpet->config & CONFIG_LEGACY;
}

// NO_GSI: the timer's route does not exist.
unsigned hpet_input(const struct hpet *hpet, unsigned index)
{
    unsigned route = (hpet->timers[index].config & TIMER_ROUTE) >> TIMER_ROUTE_SHIFT;
    if (hpet_is_legacy(hpet) && index < 2) {
        return index == 0 ? HPET_LEGACY_GSI_0 : HPET_LEGACY_GSI_1;
    }
    return HPET_ROUTES & BIT(route) ? route : NO_GSI;
}

static bool may_interrupt(const struct hpet *hpet, unsigned index)
{
    return hpet_is_enabled(hpet) && (hpet->timers[index].config & TIMER_INTERRUPT) &&
           hpet_input(hpet, index) != NO_GSI;
}

// Timers may share a route: the line is high while any of them asserts it.
static void update_lines(struct hpet *hpet)
{
    uint32_t lines = 0;
    uint32_t changed;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        if (may_interrupt(hpet, i) && (hpet->status >> i & 1)) {
            lines |= (uint32_t)BIT(hpet_input(hpet, i));
        }
    }
    changed = lines ^ hpet->lines;
    hpet->lines = lines;
    for (unsigned gsi = 0; changed != 0; gsi++, changed >>= 1) {
        if (changed & 1) {
            hpet->output->set(hpet->output, gsi, lines >> gsi & 1);
        }
    }
}

static void pulse(struct hpet *hpet, unsigned gsi)
{
    if (!(hpet->lines >> gsi & 1)) {
        hpet->output->set(hpet->output, gsi, true);
        hpet->output->set(hpet->output, gsi, false);
    }
}

// The status of a level-triggered timer is set even if its interrupt is off (2.3.8, INT_ENB_CNF).
static void matched(struct hpet *hpet, unsigned index)
{
    if (hpet->timers[index].config & TIMER_LEVEL) {
        hpet->status |= 1U << index;
        update_lines(hpet);
    } else if (may_interrupt(hpet, index)) {
        pulse(hpet, hpet_input(hpet, index));
    }
}

// ---- Counting ----

static uint64_t counter_at(const struct hpet *hpet, uint64_t now_ns)
{
    uint64_t ticks = (now_ns - hpet->base_ns) / HPET_TICK_NS;
    return hpet->config & CONFIG_ENABLE ? hpet->count + ticks : hpet->count;
}

static uint64_t mask_of(const struct hpet_timer *timer)
{
    return timer->config & TIMER_32_BITS ? UINT32_MAX : UINT64_MAX;
}

// Ticks from this count to the timer's next match, at least 1. 0 means 2^64.
static uint64_t ticks_to_match(const struct hpet_timer *timer, uint64_t counter)
{
    return ((timer->comparator - counter - 1) & mask_of(timer)) + 1;
}

// A periodic timer's comparator moves by its period at each match. This moves it past all matches
// that have passed. `passed` is the number of ticks since the first of them.
static void next_period(struct hpet_timer *timer, uint64_t passed)
{
    if ((timer->config & TIMER_PERIODIC) && timer->period != 0) {
        uint64_t periods = passed / timer->period + 1;
        timer->comparator = (timer->comparator + periods * timer->period) & mask_of(timer);
    }
}

void hpet_advance(struct hpet *hpet, uint64_t now_ns)
{
    uint64_t before;
    uint64_t went;
    if (now_ns <= hpet->seen_ns) {
        return;
    }
    before = counter_at(hpet, hpet->seen_ns);
    went = counter_at(hpet, now_ns) - before;
    hpet->seen_ns = now_ns;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        uint64_t ticks = ticks_to_match(&hpet->timers[i], before);
        if (ticks != 0 && ticks <= went) {
            next_period(&hpet->timers[i], went - ticks);
            matched(hpet, i);
        }
    }
}

// A level that is high already does not rise. A match since the last advance is due now: the search
// begins at `seen_ns`, not at `now_ns`.
uint64_t hpet_timer_event_ns(const struct hpet *hpet, unsigned index, uint64_t now_ns)
{
    if (!may_interrupt(hpet, index) || (hpet->status >> index & 1)) {
        return NEVER_NS;
    }
    uint64_t counter = counter_at(hpet, hpet->seen_ns);
    uint64_t ticks = ticks_to_match(&hpet->timers[index], counter);
    if (ticks - 1 >= FAR_TICKS) {
        return NEVER_NS;
    }
    return MAX(hpet->base_ns + (counter - hpet->count + ticks) * HPET_TICK_NS, now_ns);
}

// ---- Registers, of 64 bits each ----

static uint64_t read_timer(const struct hpet_timer *timer, unsigned offset)
{
    switch (offset) {
    case TIMER_CONFIG:
        return (uint64_t)HPET_ROUTES << 32 | timer->config | TIMER_CAN_PERIODIC | TIMER_CAN_64;
    case TIMER_COMPARATOR:
        return timer->comparator;
    default:
        return 0;
    }
}

static uint64_t read_register(const struct hpet *hpet, unsigned offset)
{
    switch (offset) {
    case HPET_CAPABILITIES:
        return HPET_TICK_NS * NS_TO_FS << 32 | HPET_ID;
    case HPET_CONFIG:
        return hpet->config;
    case HPET_STATUS:
        return hpet->status;
    case HPET_COUNTER:
        return counter_at(hpet, hpet->seen_ns);
    default:
        if (offset < HPET_TIMER_0 || offset >= TIMERS_END) {
            return 0;
        }
        return read_timer(&hpet->timers[(offset - HPET_TIMER_0) / TIMER_STRIDE],
                          offset % TIMER_STRIDE);
    }
}

// The lines of the old routes fall before those of the new routes rise: the HPET and the other
// chips share inputs.
static void write_config(struct hpet *hpet, uint32_t value)
{
    bool was_legacy = hpet_is_legacy(hpet);
    bool legacy = value & CONFIG_LEGACY;
    hpet->count = counter_at(hpet, hpet->seen_ns);
    // If the counter goes on running, the part of a tick that has passed is kept.
    if ((hpet->config & CONFIG_ENABLE) && (value & CONFIG_ENABLE)) {
        hpet->base_ns = hpet->seen_ns - (hpet->seen_ns - hpet->base_ns) % HPET_TICK_NS;
    } else {
        hpet->base_ns = hpet->seen_ns;
    }
    if (legacy && !was_legacy) {
        hpet->output->legacy(hpet->output, true);
    }
    hpet->config = value & (CONFIG_ENABLE | CONFIG_LEGACY);
    update_lines(hpet);
    if (was_legacy && !legacy) {
        hpet->output->legacy(hpet->output, false);
    }
}

// An edge-triggered timer has no status, so the status of a former level is cleared (2.3.6).
static void write_timer_config(struct hpet *hpet, unsigned index, uint32_t value)
{
    struct hpet_timer *timer = &hpet->timers[index];
    if (!(HPET_ROUTES & BIT((value & TIMER_ROUTE) >> TIMER_ROUTE_SHIFT))) {
        // The timer does not have this route: it keeps the old one, which the guest reads back
        // (2.3.8).
        value = (value & ~(uint32_t)TIMER_ROUTE) | (timer->config & TIMER_ROUTE);
    }
    timer->config = value & TIMER_KEPT;
    timer->sets_value = value & TIMER_SET_VALUE;
    timer->comparator &= mask_of(timer);
    timer->period &= mask_of(timer);
    if (!(value & TIMER_LEVEL)) {
        hpet->status &= ~(1U << index);
    }
    update_lines(hpet);
}

// `mask` has the bits that the guest writes.
static void write_comparator(struct hpet_timer *timer, uint64_t mask, uint64_t value)
{
    mask &= mask_of(timer);
    if (!(timer->config & TIMER_PERIODIC) || timer->sets_value) {
        timer->comparator = (timer->comparator & ~mask) | (value & mask);
    }
    if (timer->config & TIMER_PERIODIC) {
        timer->period = (timer->period & ~mask) | (value & mask);
    }
    timer->sets_value = false;
}

static void write_timer(struct hpet *hpet, unsigned offset, uint64_t mask, uint64_t value)
{
    unsigned index = (offset - HPET_TIMER_0) / TIMER_STRIDE;
    if (offset < HPET_TIMER_0 || offset >= TIMERS_END) {
        return;
    }
    if (offset % TIMER_STRIDE == TIMER_CONFIG && (mask & UINT32_MAX)) {
        write_timer_config(hpet, index, (uint32_t)value);
    } else if (offset % TIMER_STRIDE == TIMER_COMPARATOR) {
        write_comparator(&hpet->timers[index], mask, value);
    }
}

static void write_register(struct hpet *hpet, unsigned offset, uint64_t mask, uint64_t value)
{
    switch (offset) {
    case HPET_CONFIG:
        if (mask & UINT32_MAX) {
            write_config(hpet, (uint32_t)value);
        }
        break;
    case HPET_STATUS: // a 1 clears
        hpet->status &= (uint32_t) ~(value & mask);
        update_lines(hpet);
        break;
    case HPET_COUNTER:
        hpet->count = (counter_at(hpet, hpet->seen_ns) & ~mask) | (value & mask);
        hpet->base_ns = hpet->seen_ns;
        break;
    default:
        write_timer(hpet, offset, mask, value);
        break;
    }
}

static uint64_t ones(unsigned width)
{
    return width >= 8 ? UINT64_MAX : BIT(8 * width) - 1;
}

uint64_t hpet_read(struct hpet *hpet, unsigned offset, unsigned width, uint64_t now_ns)
{
    hpet_advance(hpet, now_ns);
    if (offset % width != 0) {
        return 0;
    }
    return read_register(hpet, offset & ~7U) >> 8 * (offset & 7) & ones(width);
}

void hpet_write(struct hpet *hpet, unsigned offset, unsigned width, uint64_t value, uint64_t now_ns)
{
    unsigned shift = 8 * (offset & 7);
    hpet_advance(hpet, now_ns);
    if (width >= 4 && offset % width == 0) {
        write_register(hpet, offset & ~7U, ones(width) << shift, value << shift);
    }
}

void hpet_reset(struct hpet *hpet, uint64_t now_ns)
{
    hpet_advance(hpet, now_ns);
    write_config(hpet, 0);
    hpet->status = 0;
    hpet->count = 0;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        hpet->timers[i] = (struct hpet_timer){.comparator = UINT64_MAX}; // 2.3.9
    }
}

void hpet_init(struct hpet *hpet, struct hpet_output *output, uint64_t now_ns)
{
    *hpet = (struct hpet){.output = output, .seen_ns = now_ns, .base_ns = now_ns};
    hpet_reset(hpet, now_ns);
}
