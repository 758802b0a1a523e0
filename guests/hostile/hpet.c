// SPDX-License-Identifier: MIT
// Every register of the HPET in every width, every bit, timers at their limits.
#include "guests/lib/hpet.h"
#include "guests/hostile/access.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/lib/cpu.h"
#include "guests/lib/ioapic.h"

#define CONFIG_BITS 0x3ULL
#define TIMER_KEPT 0x10eULL // level, interrupt, periodic, 32 bits; the route apart
#define TIMER_REGISTERS_END (HPET_TIMER_CONFIG + HPET_TIMERS * HPET_TIMER_STRIDE)
#define VECTOR 0x62U
#define PIN 17
#define SPINS 3000000U
#define STORM 5U

// An aligned access sees its part of the 64 bits. For an access that is not aligned the result is
// not defined; in a VM it is 0.
static enum outcome reads_of_all_widths(void)
{
    hpet_quiet();
    for (unsigned offset = 0; offset < HPET_BYTES; offset++) {
        const uint64_t whole = *hpet_at(offset & ~7U);
        for (unsigned width = 1; width <= 8; width *= 2) {
            const uint64_t part = whole >> 8 * (offset & 7) & access_ones(width);
            const uint64_t seen = access_read(HPET_ADDRESS + offset, width);
            if (seen != (offset % width == 0 ? part : 0)) {
                return attempt_wrong("offset and width", offset << 4 | width);
            }
        }
    }
    return OUTCOME_DONE;
}

// The rest of the page belongs to no device.
static enum outcome behind(void)
{
    for (unsigned offset = HPET_BYTES; offset < PAGE_SIZE - 8; offset += 7) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            access_write(HPET_ADDRESS + offset, width, 0);
            if (access_read(HPET_ADDRESS + offset, width) != access_ones(width)) {
                return attempt_wrong("offset and width", offset << 4 | width);
            }
        }
    }
    return OUTCOME_ALL_ONES;
}

// Aligned writes of 32 and 64 bits must work. Of any other write either all bytes count or none.
static enum outcome write_all_widths(unsigned reg, uint64_t kept)
{
    for (unsigned byte = 0; byte < 8; byte++) {
        for (unsigned width = 1; width <= 8 && byte + width <= 8; width *= 2) {
            const uint64_t mask = access_ones(width) << 8 * byte & kept;
            const bool must = width >= 4 && byte % width == 0;
            *hpet_at(reg) = 0;
            const uint64_t before = *hpet_at(reg);
            access_write(HPET_ADDRESS + reg + byte, width, UINT64_MAX);
            const uint64_t after = *hpet_at(reg) ^ before;
            if (after != mask && (must || after != 0)) {
                return attempt_wrong("register, byte and width", reg << 8 | byte << 4 | width);
            }
        }
    }
    *hpet_at(reg) = 0;
    return OUTCOME_DONE;
}

static enum outcome writes_of_all_widths(void)
{
    hpet_quiet();
    for (unsigned timer = 0; timer < HPET_TIMERS; timer++) {
        const unsigned reg = HPET_TIMER_COMPARATOR + timer * HPET_TIMER_STRIDE;
        if (write_all_widths(reg, UINT64_MAX) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return write_all_widths(HPET_COUNTER, UINT64_MAX);
}

static bool is_timer_register(unsigned offset, unsigned which)
{
    return offset >= HPET_TIMER_CONFIG && offset < TIMER_REGISTERS_END &&
           (offset - HPET_TIMER_CONFIG) % HPET_TIMER_STRIDE == which;
}

// The bits that a register of 64 bits keeps, while the HPET is off and no timer is periodic.
static uint64_t bits_of(unsigned offset)
{
    if (offset == HPET_CONFIG) {
        return CONFIG_BITS;
    }
    if (offset == HPET_COUNTER || is_timer_register(offset, 8)) {
        return UINT64_MAX;
    }
    return is_timer_register(offset, 0) ? TIMER_KEPT : 0;
}

// Tries each bit alone. Routes have an attempt of their own, and bit 0 of the configuration would
// start the clock.
static enum outcome bits(void)
{
    const uint64_t routes = TIMER_ROUTE_MASK << TIMER_ROUTE_SHIFT;
    for (unsigned offset = 0; offset < HPET_BYTES; offset += 8) {
        hpet_quiet();
        const uint64_t fixed = *hpet_at(offset) & ~bits_of(offset);
        for (unsigned bit = offset == HPET_CONFIG ? 1 : 0; bit < 64; bit++) {
            if (is_timer_register(offset, 0) && (routes & BIT(bit)) != 0) {
                continue;
            }
            *hpet_at(offset) = BIT(bit);
            if (*hpet_at(offset) != ((BIT(bit) & bits_of(offset)) | fixed)) {
                return attempt_wrong("register and bit", offset << 8 | bit);
            }
        }
    }
    hpet_quiet();
    return OUTCOME_DONE;
}

// A route that the timer does not have must not be read back (2.3.8, Tn_INT_ROUTE_CNF).
static enum outcome routes(void)
{
    hpet_quiet();
    for (unsigned timer = 0; timer < HPET_TIMERS; timer++) {
        volatile uint64_t *config = hpet_timer_at(HPET_TIMER_CONFIG, timer);
        const uint64_t possible = *config >> 32;
        for (uint64_t route = 0; route <= TIMER_ROUTE_MASK; route++) {
            *config = route << TIMER_ROUTE_SHIFT;
            const uint64_t seen = *config >> TIMER_ROUTE_SHIFT & TIMER_ROUTE_MASK;
            if ((seen == route) != ((possible & BIT(route)) != 0) && route != 0) {
                return attempt_wrong("timer and route", timer << 8 | route);
            }
        }
    }
    hpet_quiet();
    return OUTCOME_DONE;
}

// Lets interrupts in for a while, or until `wanted` have come. Returns how many have come.
static uint32_t take(uint32_t wanted)
{
    const uint32_t before = machine_interrupts(VECTOR);
    machine_limit_interrupts(wanted);
    cpu_interrupts_on();
    for (unsigned i = 0; i < SPINS && machine_interrupts(VECTOR) - before < wanted; i++) {
    }
    cpu_interrupts_off();
    machine_limit_interrupts(0);
    return machine_interrupts(VECTOR) - before;
}

static enum outcome highest_rate(void)
{
    hpet_quiet();
    ioapic_set(PIN, VECTOR);
    hpet_start(1, TIMER_PERIODIC | TIMER_SET_VALUE, PIN, 1);
    const uint32_t come = take(STORM);
    hpet_quiet();
    ioapic_set(PIN, (uint32_t)ENTRY_MASKED);
    return come >= STORM ? OUTCOME_DONE : attempt_wrong("interrupts", come);
}

// A period of 0 must lead neither to a division by it nor to an endless loop.
static enum outcome no_period(void)
{
    hpet_quiet();
    ioapic_set(PIN, VECTOR);
    for (unsigned timer = 0; timer < HPET_TIMERS; timer++) {
        hpet_start(timer, TIMER_PERIODIC | TIMER_SET_VALUE, PIN, 0);
    }
    const uint64_t count = *hpet_at(HPET_COUNTER);
    const bool runs = *hpet_at(HPET_COUNTER) > count;
    hpet_quiet();
    ioapic_set(PIN, (uint32_t)ENTRY_MASKED);
    return runs ? OUTCOME_DONE : attempt_wrong("counter", count);
}

// A 32-bit timer matches when the lower half of the counter comes round, whatever the upper half
// is.
static enum outcome wraps(void)
{
    hpet_quiet();
    ioapic_set(PIN, VECTOR);
    *hpet_at(HPET_COUNTER) = 0x7ffffff00ULL;
    hpet_start(2, TIMER_32_BITS, PIN, 0x10);
    const uint32_t come = take(1);
    const uint64_t count = *hpet_at(HPET_COUNTER);
    hpet_quiet();
    ioapic_set(PIN, (uint32_t)ENTRY_MASKED);
    return come == 1 && count >= 0x800000010ULL ? OUTCOME_DONE : attempt_wrong("counter", count);
}

static const struct attempt attempts[] = {
    {"the HPET read in all widths at all places", reads_of_all_widths, DONE},
    {"the rest of its page", behind, ALL_ONES},
    {"the HPET written in all widths at all places", writes_of_all_widths, DONE},
    {"each bit of the HPET's registers", bits, DONE},
    {"each route of its timers", routes, DONE},
    {"the HPET at its highest rate", highest_rate, DONE},
    {"a period of 0", no_period, DONE},
    {"a comparator of 32 bits behind the wrap", wraps, DONE},
};

const struct attempt_group hpet_group = {attempts, ARRAY_SIZE(attempts)};
