// SPDX-License-Identifier: MIT
// Tests of the HPET by its specification: counter, one-shot, periodic, level, legacy routes,
// widths.
#include "vmm/devices/hpet.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define ENABLE 1U
#define LEGACY 2U
#define LEVEL BIT(1)
#define INTERRUPT BIT(2)
#define PERIODIC BIT(3)
#define SET_VALUE BIT(6)
#define BITS_32 BIT(8)
#define ROUTE(gsi) ((uint64_t)(gsi) << 9)

#define CONFIG 0x10
#define STATUS 0x20
#define COUNTER 0xf0
#define TIMER(n) (0x100U + 0x20U * (n))
#define COMPARATOR(n) (TIMER(n) + 8)

static struct hpet hpet;
static struct hpet_output output;
static uint64_t now;
static bool levels[32];
static unsigned rises[32];
static unsigned legacy_calls;
static bool legacy;

static void set(struct hpet_output *to, unsigned gsi, bool level)
{
    assert_ptr_equal(to, &output);
    assert_in_range(gsi, 0, 31);
    assert_int_not_equal(levels[gsi], level); // the model reports only changes
    levels[gsi] = level;
    rises[gsi] += level;
}

static void set_legacy(struct hpet_output *to, bool on)
{
    (void)to;
    assert_int_not_equal(on, legacy);
    // The model holds none of the lines that change their owner.
    assert_false(levels[2] || levels[8]);
    legacy = on;
    legacy_calls++;
}

static int set_up(void **state)
{
    (void)state;
    now = 1000;
    for (unsigned i = 0; i < ARRAY_SIZE(levels); i++) {
        levels[i] = false;
        rises[i] = 0;
    }
    legacy = false;
    legacy_calls = 0;
    output = (struct hpet_output){set, set_legacy};
    hpet_init(&hpet, &output, now);
    return 0;
}

static uint64_t rd(unsigned offset)
{
    return hpet_read(&hpet, offset, 8, now);
}

static void wr(unsigned offset, uint64_t value)
{
    hpet_write(&hpet, offset, 8, value, now);
}

// Starts the counter at 0.
static void start(uint32_t flags)
{
    wr(CONFIG, 0);
    wr(COUNTER, 0);
    wr(CONFIG, ENABLE | flags);
}

static void go_to(uint64_t ticks, uint64_t started_ns)
{
    now = started_ns + ticks * HPET_TICK_NS;
    hpet_advance(&hpet, now);
}

// The first event of all timers.
static uint64_t next_event_ns(void)
{
    uint64_t next = NEVER_NS;
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        next = MIN(next, hpet_timer_event_ns(&hpet, i, now));
    }
    return next;
}

// The line rises at that tick, and not before.
static void assert_rises_at(uint64_t ticks, uint64_t started_ns, unsigned gsi)
{
    unsigned before = rises[gsi];
    uint64_t due_ns = next_event_ns();
    assert_int_equal(due_ns, started_ns + ticks * HPET_TICK_NS);
    now = due_ns - 1;
    hpet_advance(&hpet, now);
    assert_int_equal(rises[gsi], before);
    now = due_ns;
    hpet_advance(&hpet, now);
    assert_int_equal(rises[gsi], before + 1);
}

// ---- The counter ----

static void it_says_what_it_is(void **state)
{
    (void)state;
    assert_int_equal(rd(0) >> 32, 10000000); // femtoseconds: 100 MHz
    assert_int_equal(rd(0) & 0xff, 1);       // revision
    assert_int_equal(rd(0) >> 8 & 0x1f, 2);  // the number of the last timer
    assert_true(rd(0) & BIT(13) && rd(0) & BIT(15));
    wr(0, 0);
    assert_int_equal(rd(0), 10000000ULL << 32 | HPET_ID);
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        assert_int_equal(rd(TIMER(i)), 0x00ff0000ULL << 32 | BIT(4) | BIT(5));
        assert_int_equal(rd(COMPARATOR(i)), UINT64_MAX);
        assert_int_equal(rd(TIMER(i) + 0x10), 0); // no FSB delivery
    }
    assert_int_equal(rd(TIMER(3)), 0);
}

static void the_counter_stands_until_it_is_started(void **state)
{
    (void)state;
    now += 1000;
    assert_int_equal(rd(COUNTER), 0);
    wr(CONFIG, ENABLE);
    now += 999;
    assert_int_equal(rd(COUNTER), 99);
    now += 1;
    assert_int_equal(rd(COUNTER), 100);
    wr(CONFIG, 0);
    now += 1000;
    assert_int_equal(rd(COUNTER), 100);
    wr(COUNTER, 0xffffffff00000000);
    wr(CONFIG, ENABLE);
    now += 50;
    assert_int_equal(rd(COUNTER), 0xffffffff00000005);
}

static void writing_the_same_again_loses_no_time(void **state)
{
    (void)state;
    wr(CONFIG, ENABLE);
    for (unsigned i = 0; i < 1000; i++) {
        now += 7;
        wr(CONFIG, ENABLE);
    }
    assert_int_equal(rd(COUNTER), 700);
}

static void it_does_not_drift_over_years(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    start(0);
    now += 100000ULL * 3600 * 1000000000;
    assert_int_equal(rd(COUNTER), (now - started_ns) / 10);
}

// ---- One-shot ----

static void a_one_shot_timer_interrupts_once(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    wr(TIMER(2), INTERRUPT | ROUTE(20));
    wr(COMPARATOR(2), 1234);
    assert_int_equal(next_event_ns(), NEVER_NS);
    start(0);
    assert_rises_at(1234, started_ns, 20);
    assert_false(levels[20]);
    assert_int_equal(next_event_ns(), NEVER_NS);
    assert_int_equal(rd(STATUS), 0);
}

// Time passes between the two calls of one look at the devices.
static void what_came_since_the_last_advance_is_due_now(void **state)
{
    (void)state;
    wr(TIMER(2), INTERRUPT | ROUTE(20));
    wr(COMPARATOR(2), 100);
    start(0);
    go_to(99, now);
    now += 50 * HPET_TICK_NS;
    assert_int_equal(next_event_ns(), now);
    hpet_advance(&hpet, now);
    assert_int_equal(rises[20], 1);
}

static void what_is_past_does_not_come(void **state)
{
    (void)state;
    wr(TIMER(2), INTERRUPT | ROUTE(16));
    start(0);
    go_to(100, now);
    wr(COMPARATOR(2), 100);
    assert_int_equal(next_event_ns(), NEVER_NS);
    wr(COMPARATOR(2), 101);
    assert_int_not_equal(next_event_ns(), NEVER_NS);
    go_to(1, now);
    assert_int_equal(rises[16], 1);
}

static void with_32_bits_it_comes_again_each_time_round(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    wr(TIMER(1), INTERRUPT | ROUTE(17) | BITS_32);
    wr(COMPARATOR(1), 0xffffffff00000064);
    assert_int_equal(rd(COMPARATOR(1)), 0x64);
    start(0);
    assert_rises_at(100, started_ns, 17);
    assert_rises_at(100 + BIT(32), started_ns, 17);
    assert_rises_at(100 + 2 * BIT(32), started_ns, 17);
}

static void without_its_enable_bit_nothing_rises(void **state)
{
    (void)state;
    wr(TIMER(0), ROUTE(16));
    wr(TIMER(1), INTERRUPT | ROUTE(5)); // this timer has no such route
    wr(COMPARATOR(0), 10);
    wr(COMPARATOR(1), 10);
    start(0);
    assert_int_equal(next_event_ns(), NEVER_NS);
    go_to(20, now);
    for (unsigned i = 0; i < ARRAY_SIZE(rises); i++) {
        assert_int_equal(rises[i], 0);
    }
}

static void a_route_that_there_is_not_is_not_read_back(void **state)
{
    (void)state;
    for (uint64_t route = 0; route < 32; route++) {
        wr(TIMER(1), ROUTE(18));
        wr(TIMER(1), ROUTE(route));
        uint64_t seen = (rd(TIMER(1)) & UINT32_MAX) >> 9 & 0x1f;
        assert_int_equal(seen, route >= 16 && route <= 23 ? route : 18);
    }
}

// ---- Periodic ----

// As an operating system does it: set the first match, then the period.
static void start_periodic(unsigned timer, uint64_t flags, uint64_t first, uint64_t period)
{
    wr(TIMER(timer), INTERRUPT | PERIODIC | SET_VALUE | flags);
    wr(COMPARATOR(timer), first);
    wr(COMPARATOR(timer), period);
}

static void a_periodic_timer_keeps_its_phase(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    start(0);
    start_periodic(0, ROUTE(16), 500, 300);
    assert_int_equal(rd(TIMER(0)) & SET_VALUE, 0);
    assert_int_equal(rd(COMPARATOR(0)), 500);
    assert_rises_at(500, started_ns, 16);
    assert_rises_at(800, started_ns, 16);
    assert_int_equal(rd(COMPARATOR(0)), 1100);
    go_to(100000, started_ns); // the model did not advance for long: one interrupt
    assert_int_equal(rises[16], 3);
    assert_rises_at(100100, started_ns, 16);
}

static void a_write_without_set_value_changes_only_the_period(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    start(0);
    start_periodic(0, ROUTE(16), 1000, 1000);
    wr(COMPARATOR(0), 50);
    assert_int_equal(rd(COMPARATOR(0)), 1000);
    assert_rises_at(1000, started_ns, 16);
    assert_rises_at(1050, started_ns, 16);
}

static void periods_of_32_bits_wrap(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    start(0);
    start_periodic(2, BITS_32 | ROUTE(18), 0x10, 0x80000000);
    assert_rises_at(0x10, started_ns, 18);
    assert_rises_at(0x80000010, started_ns, 18);
    assert_rises_at(0x100000010, started_ns, 18);
    assert_int_equal(rd(COMPARATOR(2)), 0x80000010);
}

static void a_period_of_0_does_no_harm(void **state)
{
    (void)state;
    start(0);
    start_periodic(0, ROUTE(16), 10, 0);
    go_to(1000000, now);
    assert_int_equal(rises[16], 1);
    assert_int_equal(next_event_ns(), NEVER_NS);
}

static void halves_are_written_one_by_one(void **state)
{
    (void)state;
    wr(TIMER(0), PERIODIC | SET_VALUE);
    hpet_write(&hpet, COMPARATOR(0), 4, 0x11111111, now);
    wr(TIMER(0), PERIODIC | SET_VALUE); // the bit counts for one write, and there are two halves
    hpet_write(&hpet, COMPARATOR(0) + 4, 4, 0x22222222, now);
    assert_int_equal(rd(COMPARATOR(0)), 0x2222222211111111);
    assert_int_equal(hpet.timers[0].period, 0x2222222211111111);
    hpet_write(&hpet, COUNTER + 4, 4, 7, now);
    assert_int_equal(rd(COUNTER), 7ULL << 32);
}

// ---- Levels ----

static void a_level_stays_until_its_status_is_cleared(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    start(0);
    start_periodic(1, LEVEL | ROUTE(21), 100, 100);
    assert_rises_at(100, started_ns, 21);
    assert_true(levels[21]);
    assert_int_equal(rd(STATUS), 2);
    assert_int_equal(next_event_ns(), NEVER_NS);
    go_to(1000, started_ns);
    assert_int_equal(rises[21], 1);
    wr(STATUS, 1); // the bit of another timer
    assert_true(levels[21]);
    wr(STATUS, 2);
    assert_false(levels[21]);
    assert_rises_at(1100, started_ns, 21);
    wr(CONFIG, 0); // this holds interrupts off, but the status stays
    assert_false(levels[21]);
    assert_int_equal(rd(STATUS), 2);
    wr(CONFIG, ENABLE);
    assert_true(levels[21]);
    wr(TIMER(1), 0);
    assert_false(levels[21]);
    assert_int_equal(rd(STATUS), 0);
}

static void two_timers_share_a_line(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        wr(TIMER(i), INTERRUPT | ROUTE(22) | (i < 2 ? LEVEL : 0));
        wr(COMPARATOR(i), 100 * (i + 1));
    }
    start(0);
    go_to(250, started_ns);
    assert_int_equal(rd(STATUS), 3);
    assert_int_equal(rises[22], 1);
    go_to(300, started_ns); // the line is high already: it cannot rise
    assert_int_equal(rises[22], 1);
    wr(STATUS, 1);
    assert_true(levels[22]);
    wr(STATUS, 2);
    assert_false(levels[22]);
}

static void a_level_that_is_off_sets_its_status(void **state)
{
    (void)state;
    wr(TIMER(0), LEVEL | ROUTE(16));
    wr(COMPARATOR(0), 5);
    start(0);
    go_to(10, now);
    assert_int_equal(rd(STATUS), 1);
    assert_false(levels[16]);
    wr(TIMER(0), LEVEL | INTERRUPT | ROUTE(16));
    assert_true(levels[16]);
    wr(TIMER(0), LEVEL | INTERRUPT | ROUTE(23)); // the level moves to the new line
    assert_true(levels[23] && !levels[16]);
}

// ---- Legacy replacement ----

static void timers_0_and_1_replace_8254_and_rtc(void **state)
{
    uint64_t started_ns = now;
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        wr(TIMER(i), INTERRUPT | ROUTE(16 + i));
        wr(COMPARATOR(i), 100 * (i + 1));
    }
    start(LEGACY);
    assert_true(legacy && hpet_is_legacy(&hpet));
    assert_rises_at(100, started_ns, 2);
    assert_rises_at(200, started_ns, 8);
    assert_rises_at(300, started_ns, 18);
    assert_int_equal(rises[16] + rises[17], 0);
    wr(CONFIG, ENABLE);
    assert_false(legacy || hpet_is_legacy(&hpet));
    assert_int_equal(legacy_calls, 2);
}

static void a_level_leaves_the_legacy_line_with_it(void **state)
{
    (void)state;
    wr(TIMER(0), INTERRUPT | LEVEL | ROUTE(16));
    wr(COMPARATOR(0), 1);
    start(LEGACY);
    go_to(1, now);
    assert_true(levels[2]);
    wr(CONFIG, ENABLE); // set_legacy checks that the line is low
    assert_true(levels[16] && !levels[2]);
    wr(CONFIG, ENABLE | LEGACY);
    assert_true(levels[2] && !levels[16]);
    hpet_reset(&hpet, now);
    assert_false(levels[2] || legacy);
    assert_int_equal(rd(STATUS), 0);
    assert_int_equal(rd(COMPARATOR(0)), UINT64_MAX);
}

// ---- Accesses ----

static void narrow_and_unaligned_accesses_are_defined(void **state)
{
    (void)state;
    wr(COUNTER, 0x8877665544332211);
    assert_int_equal(hpet_read(&hpet, COUNTER, 4, now), 0x44332211);
    assert_int_equal(hpet_read(&hpet, COUNTER + 4, 4, now), 0x88776655);
    assert_int_equal(hpet_read(&hpet, COUNTER + 2, 2, now), 0x4433);
    assert_int_equal(hpet_read(&hpet, COUNTER + 7, 1, now), 0x88);
    assert_int_equal(hpet_read(&hpet, COUNTER + 2, 4, now), 0);
    assert_int_equal(hpet_read(&hpet, COUNTER + 4, 8, now), 0);
    hpet_write(&hpet, COUNTER, 1, 0, now);
    hpet_write(&hpet, COUNTER, 2, 0, now);
    hpet_write(&hpet, COUNTER + 2, 4, 0, now);
    hpet_write(&hpet, COUNTER + 4, 8, 0, now);
    assert_int_equal(rd(COUNTER), 0x8877665544332211);
    for (unsigned offset = 0; offset < HPET_BYTES; offset++) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            hpet_write(&hpet, offset, width, 0, now);
            (void)hpet_read(&hpet, offset, width, now);
        }
    }
}

static void upper_halves_of_configurations_are_read_only(void **state)
{
    (void)state;
    wr(CONFIG, UINT64_MAX);
    assert_int_equal(rd(CONFIG), 3);
    hpet_write(&hpet, CONFIG + 4, 4, 0, now);
    assert_int_equal(rd(CONFIG), 3);
    wr(TIMER(0), UINT64_MAX);
    assert_int_equal(rd(TIMER(0)), 0x00ff0000ULL << 32 | 0x13e);
    hpet_write(&hpet, TIMER(0) + 4, 4, 0, now);
    assert_int_equal(rd(TIMER(0)), 0x00ff0000ULL << 32 | 0x13e);
}

#define TEST(function) cmocka_unit_test_setup(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_says_what_it_is),
        TEST(the_counter_stands_until_it_is_started),
        TEST(writing_the_same_again_loses_no_time),
        TEST(it_does_not_drift_over_years),
        TEST(a_one_shot_timer_interrupts_once),
        TEST(what_came_since_the_last_advance_is_due_now),
        TEST(what_is_past_does_not_come),
        TEST(with_32_bits_it_comes_again_each_time_round),
        TEST(without_its_enable_bit_nothing_rises),
        TEST(a_route_that_there_is_not_is_not_read_back),
        TEST(a_periodic_timer_keeps_its_phase),
        TEST(a_write_without_set_value_changes_only_the_period),
        TEST(periods_of_32_bits_wrap),
        TEST(a_period_of_0_does_no_harm),
        TEST(halves_are_written_one_by_one),
        TEST(a_level_stays_until_its_status_is_cleared),
        TEST(two_timers_share_a_line),
        TEST(a_level_that_is_off_sets_its_status),
        TEST(timers_0_and_1_replace_8254_and_rtc),
        TEST(a_level_leaves_the_legacy_line_with_it),
        TEST(narrow_and_unaligned_accesses_are_defined),
        TEST(upper_halves_of_configurations_are_read_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
