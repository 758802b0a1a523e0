// SPDX-License-Identifier: MIT
// Tests of the local APIC's timer in its three modes.
#include "vmm/devices/lapic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

enum { VECTOR = 0x40, PERIODIC = 0x20000, DEADLINE = 0x40000, LVT_MASKED = 0x10000, BY_1 = 0xb };

static struct lapic lapic;
static struct lapic_output output; // the timer uses no output

static uint32_t get(unsigned reg, uint64_t now_ns)
{
    uint64_t value;
    assert_true(lapic_read(&lapic, reg, now_ns, &value));
    return (uint32_t)value;
}

static void put(unsigned reg, uint32_t value, uint64_t now_ns)
{
    assert_true(lapic_write(&lapic, reg, value, now_ns));
}

static int set_up(void **state)
{
    (void)state;
    lapic_init(&lapic, &output, 0, true, 40);
    put(LAPIC_SVR, 0x1ff, 0);
    put(LAPIC_DIVIDE, BY_1, 0);
    return 0;
}

static bool take(void)
{
    if (lapic_pending(&lapic) != VECTOR) {
        return false;
    }
    lapic_accept(&lapic, VECTOR);
    lapic_eoi(&lapic);
    return true;
}

static void test_one_shot(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 1000);
    put(LAPIC_INITIAL_COUNT, 500, 1000);
    assert_true(lapic_next_event_ns(&lapic) == 1500);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000), 500);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1499), 1);
    lapic_advance(&lapic, 1499);
    assert_false(take());
    lapic_advance(&lapic, 1500);
    assert_true(take());
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1500), 0);
    assert_int_equal(get(LAPIC_INITIAL_COUNT, 1500), 500);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    lapic_advance(&lapic, UINT64_MAX);
    assert_false(take());
}

static void test_every_divider(void **state)
{
    static const uint8_t codes[] = {0xb, 0x0, 0x1, 0x2, 0x3, 0x8, 0x9, 0xa}; // by 1, 2 ... 128
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    for (unsigned shift = 0; shift < 8; shift++) {
        put(LAPIC_INITIAL_COUNT, 0, 0);
        put(LAPIC_DIVIDE, codes[shift], 0);
        put(LAPIC_INITIAL_COUNT, 10, 0);
        assert_true(lapic_next_event_ns(&lapic) == 10ULL << shift);
        assert_int_equal(get(LAPIC_CURRENT_COUNT, 3ULL << shift), 7);
        assert_int_equal(get(LAPIC_CURRENT_COUNT, (4ULL << shift) - 1), 7);
    }
}

static void test_longest_count(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_DIVIDE, 0xa, 0);
    put(LAPIC_INITIAL_COUNT, 0xffffffff, 0);
    assert_true(lapic_next_event_ns(&lapic) == 0xffffffffULL << 7);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 0), 0xffffffff);
    put(LAPIC_INITIAL_COUNT, 0xffffffff, UINT64_MAX - 5);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
}

static void test_changing_the_divider_keeps_the_rest_of_the_count(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    put(LAPIC_DIVIDE, 0x1, 400); // by 4: 600 ticks are left
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 400), 600);
    assert_true(lapic_next_event_ns(&lapic) == 400 + 2400);
}

static void test_periodic_without_drift(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 999, 0);
    for (uint64_t i = 1; i <= 100000; i++) {
        assert_true(lapic_next_event_ns(&lapic) == i * 999);
        lapic_advance(&lapic, i * 999 + i % 900); // late by another time in each round
        assert_true(take());
    }
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 100001ULL * 999 - 17), 17);
}

static void test_missed_periods_are_one_interrupt(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    lapic_advance(&lapic, 10500);
    assert_true(take());
    lapic_advance(&lapic, 10500);
    assert_false(take());
    assert_true(lapic_next_event_ns(&lapic) == 11000); // the phase is kept
    lapic_advance(&lapic, 11000);
    assert_true(lapic_next_event_ns(&lapic) == 12000);
    put(LAPIC_INITIAL_COUNT, 1, 11000);
    lapic_advance(&lapic, 1ULL << 62);
    assert_true(lapic_next_event_ns(&lapic) == (1ULL << 62) + 1);
}

// A read of the count first does what is due. So a periodic count never reads 0.
static void test_count_read_late(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000), 1000);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 2300), 700);
    assert_true(take());
}

static void test_masked_timer_runs_silently(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | LVT_MASKED | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    lapic_advance(&lapic, 1000);
    assert_false(take());
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 1500);
    lapic_advance(&lapic, 2000);
    assert_true(take());
}

static void test_masked_timer_is_never_due(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | LVT_MASKED | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 5300), 700);
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 7600);
    assert_false(take()); // what happened before is lost
    assert_true(lapic_next_event_ns(&lapic) == 8000);
    put(LAPIC_SVR, 0xff, 7700); // masks all entries
    put(LAPIC_SVR, 0x1ff, 7700);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 9100);
    assert_true(lapic_next_event_ns(&lapic) == 10000);
    lapic_init_received(&lapic);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
}

static void test_masked_one_shot_does_not_fire_when_unmasked(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | LVT_MASKED, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    put(LAPIC_LVT_TIMER, VECTOR, 1000);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 1000), 0);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_false(take());
    put(LAPIC_LVT_TIMER, VECTOR | LVT_MASKED, 1000);
    put(LAPIC_INITIAL_COUNT, 1000, 1000);
    put(LAPIC_LVT_TIMER, VECTOR, 1999);
    assert_true(lapic_next_event_ns(&lapic) == 2000);
}

static void test_masked_deadline_passes(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | LVT_MASKED | DEADLINE, 0);
    lapic_set_tsc_deadline(&lapic, 5000, 700);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_true(lapic_tsc_deadline(&lapic, 699) == 5000);
    assert_true(lapic_tsc_deadline(&lapic, 700) == 0);
    put(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 800);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_false(take());
}

static void test_what_may_wake(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    assert_true(lapic_wake_event_ns(&lapic) == 1000);
    put(LAPIC_TPR, VECTOR - 1, 0);
    assert_true(lapic_wake_event_ns(&lapic) == 1000);
    put(LAPIC_TPR, VECTOR, 0);
    assert_true(lapic_wake_event_ns(&lapic) == NEVER_NS);
    assert_true(lapic_next_event_ns(&lapic) == 1000);
    lapic_advance(&lapic, 9500);
    put(LAPIC_TPR, 0, 9500);
    assert_true(take());
    assert_true(lapic_wake_event_ns(&lapic) == 10000);
    lapic_post(&lapic, VECTOR + 1, false);
    lapic_accept(&lapic, VECTOR + 1); // in service
    assert_true(lapic_wake_event_ns(&lapic) == NEVER_NS);
    lapic_eoi(&lapic);
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC | LVT_MASKED, 9600);
    assert_true(lapic_wake_event_ns(&lapic) == NEVER_NS);
}

// The error interrupt comes in place of the timer's.
static void test_illegal_vector_may_wake(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, 5 | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    assert_true(lapic_wake_event_ns(&lapic) == NEVER_NS);
    put(LAPIC_LVT_ERROR, VECTOR, 0);
    assert_true(lapic_wake_event_ns(&lapic) == 1000);
    lapic_advance(&lapic, 1000);
    assert_true(take());
}

static void test_zero_stops(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    put(LAPIC_INITIAL_COUNT, 0, 10);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 11), 0);
}

static void test_period_to_one_shot_and_back(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    put(LAPIC_LVT_TIMER, VECTOR, 500); // takes effect when this period ends
    lapic_advance(&lapic, 1000);
    assert_true(take());
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
}

static void test_tsc_deadline(void **state)
{
    (void)state;
    lapic_set_tsc_deadline(&lapic, 123456, 700); // another timer mode ignores this
    assert_true(lapic_tsc_deadline(&lapic, 0) == 0);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    put(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0); // TSC-deadline mode ignores the count
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    lapic_set_tsc_deadline(&lapic, 123456, 700);
    assert_true(lapic_tsc_deadline(&lapic, 0) == 123456);
    assert_true(lapic_next_event_ns(&lapic) == 700);
    assert_int_equal(get(LAPIC_CURRENT_COUNT, 600), 0);
    lapic_advance(&lapic, 700);
    assert_true(take());
    assert_true(lapic_tsc_deadline(&lapic, 0) == 0);
    lapic_set_tsc_deadline(&lapic, 1, 5); // in the past
    lapic_advance(&lapic, 700);
    assert_true(take());
    lapic_set_tsc_deadline(&lapic, 123456, 900);
    lapic_set_tsc_deadline(&lapic, 0, 0);
    lapic_advance(&lapic, UINT64_MAX - 1);
    assert_false(take());
}

static void test_deadline_that_never_comes(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 0);
    lapic_set_tsc_deadline(&lapic, UINT64_MAX, NEVER_NS);
    lapic_advance(&lapic, UINT64_MAX);
    assert_false(take());
    assert_true(lapic_tsc_deadline(&lapic, 0) == UINT64_MAX);
}

static void test_mode_change_disarms(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    put(LAPIC_LVT_TIMER, VECTOR | DEADLINE, 10);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    lapic_set_tsc_deadline(&lapic, 5000, 5000);
    // The mode is the same, so the timer stays armed.
    put(LAPIC_LVT_TIMER, VECTOR | DEADLINE | LVT_MASKED, 20);
    assert_true(lapic_tsc_deadline(&lapic, 20) == 5000);
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC, 30);
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
    assert_true(lapic_tsc_deadline(&lapic, 0) == 0);
}

static void test_reserved_mode_is_harmless(void **state)
{
    (void)state;
    put(LAPIC_LVT_TIMER, VECTOR | PERIODIC | DEADLINE, 0);
    put(LAPIC_INITIAL_COUNT, 1000, 0);
    lapic_advance(&lapic, 1000);
    assert_true(take());
    assert_true(lapic_next_event_ns(&lapic) == NEVER_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_shot, set_up),
        cmocka_unit_test_setup(test_every_divider, set_up),
        cmocka_unit_test_setup(test_longest_count, set_up),
        cmocka_unit_test_setup(test_changing_the_divider_keeps_the_rest_of_the_count, set_up),
        cmocka_unit_test_setup(test_periodic_without_drift, set_up),
        cmocka_unit_test_setup(test_missed_periods_are_one_interrupt, set_up),
        cmocka_unit_test_setup(test_count_read_late, set_up),
        cmocka_unit_test_setup(test_masked_timer_runs_silently, set_up),
        cmocka_unit_test_setup(test_masked_timer_is_never_due, set_up),
        cmocka_unit_test_setup(test_masked_one_shot_does_not_fire_when_unmasked, set_up),
        cmocka_unit_test_setup(test_masked_deadline_passes, set_up),
        cmocka_unit_test_setup(test_what_may_wake, set_up),
        cmocka_unit_test_setup(test_illegal_vector_may_wake, set_up),
        cmocka_unit_test_setup(test_zero_stops, set_up),
        cmocka_unit_test_setup(test_period_to_one_shot_and_back, set_up),
        cmocka_unit_test_setup(test_tsc_deadline, set_up),
        cmocka_unit_test_setup(test_deadline_that_never_comes, set_up),
        cmocka_unit_test_setup(test_mode_change_disarms, set_up),
        cmocka_unit_test_setup(test_reserved_mode_is_harmless, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
