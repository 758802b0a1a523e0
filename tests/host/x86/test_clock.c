// SPDX-License-Identifier: MIT
// Tests of ticks to nanoseconds and back, and of the RTC's dates.
#include "arch/x86/clock_scale.h"
#include "arch/x86/mc146818.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/mc146818_date.h"
#include "vmm/util/nanoseconds.h"

static void test_factor(void **state)
{
    (void)state;
    assert_true(clock_scale_factor(NS_PER_S, NS_PER_S) == BIT(32));
    assert_true(clock_scale_factor(100000000, NS_PER_S) == 10 * BIT(32));
    assert_true(clock_scale_factor(2 * NS_PER_S, NS_PER_S) == BIT(31));
    assert_true(clock_scale_factor(3, 1) == 0x55555555);
    assert_true(clock_scale_factor(BIT(35), 1) == 0);
}

static void test_round_trip(void **state)
{
    (void)state;
    const uint64_t rates[] = {100000000, 2400000001, 3579545000, 19999999999};
    for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
        uint64_t to_ns = clock_scale_factor(rates[i], NS_PER_S);
        uint64_t to_ticks = clock_scale_factor(NS_PER_S, rates[i]);
        uint64_t year_ns = 365ULL * 86400 * NS_PER_S;
        uint64_t ticks = clock_scale_up(year_ns, to_ticks);
        uint64_t back = clock_scale(ticks, to_ns);
        uint64_t error = back > year_ns ? back - year_ns : year_ns - back;
        assert_true(error < year_ns / 100000000); // 10 ppb
        assert_true(clock_scale_up(0, to_ticks) == 1);
    }
}

static void test_scale_up_saturates(void **state)
{
    (void)state;
    uint64_t factor = clock_scale_factor(NS_PER_S, 3 * NS_PER_S);
    assert_true(clock_scale_up(UINT64_MAX, factor) == UINT64_MAX);
    assert_true(clock_scale_up(UINT64_MAX / 3, factor) == UINT64_MAX);
    assert_true(clock_scale_up(UINT64_MAX, BIT(32)) == UINT64_MAX);
    assert_true(clock_scale_up(1000, factor) == 3001);
}

static void check(struct mc146818_registers rtc, uint64_t expected)
{
    uint64_t seconds = 0;
    assert_true(mc146818_date_seconds(&rtc, &seconds));
    assert_int_equal(seconds, expected);
}

static void test_date_bcd_24(void **state)
{
    (void)state;
    struct mc146818_registers rtc = {.second = 0x59,
                                     .minute = 0x58,
                                     .hour = 0x23,
                                     .day = 0x29,
                                     .month = 0x02,
                                     .year = 0x24,
                                     .century = 0x20,
                                     .has_century = true,
                                     .status_b = RTC_24_HOURS};
    check(rtc, 1709251139);
    rtc.has_century = false;
    check(rtc, 1709251139);
    rtc.century = 0x19;
    rtc.has_century = true;
    rtc.year = 0x70;
    rtc.month = rtc.day = 1;
    rtc.hour = rtc.minute = rtc.second = 0;
    check(rtc, 0);
}

static void test_date_binary(void **state)
{
    (void)state;
    struct mc146818_registers rtc = {.second = 59,
                                     .minute = 59,
                                     .hour = 23,
                                     .day = 31,
                                     .month = 12,
                                     .year = 99,
                                     .status_b = RTC_24_HOURS | RTC_BINARY};
    check(rtc, 4102444799);
}

static void test_date_12_hours(void **state)
{
    (void)state;
    struct mc146818_registers rtc = {.day = 1, .month = 1, .hour = 0x12};
    const uint64_t y2000 = 946684800;
    check(rtc, y2000);
    rtc.hour = 0x01;
    check(rtc, y2000 + 3600);
    rtc.hour = 0x12 | RTC_PM;
    check(rtc, y2000 + 12 * 3600);
    rtc.hour = 0x11 | RTC_PM;
    check(rtc, y2000 + 23 * 3600);
    rtc.hour = 11 | RTC_PM;
    rtc.status_b = RTC_BINARY;
    check(rtc, y2000 + 23 * 3600);
}

static void test_date_refused(void **state)
{
    (void)state;
    const struct mc146818_registers good = {.day = 1, .month = 1, .status_b = RTC_24_HOURS};
    struct mc146818_registers bad[] = {good, good, good, good, good, good, good, good, good, good};
    bad[0].second = 0x5a;
    bad[1].minute = 0x60;
    bad[2].hour = 0x24;
    bad[3].day = 0;
    bad[4].day = 0x32;
    bad[5].month = 0x13;
    bad[6].month = 0;
    bad[7].year = 0xff;
    bad[8].status_b = 0;       // hour 0 of 12
    bad[9].has_century = true; // year 0
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t seconds = 0;
        assert_false(mc146818_date_seconds(&bad[i], &seconds));
    }
    struct mc146818_registers no_leap = {
        .day = 0x29, .month = 2, .century = 0x21, .has_century = true, .status_b = RTC_24_HOURS};
    uint64_t seconds = 0;
    assert_false(mc146818_date_seconds(&no_leap, &seconds));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_factor),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_scale_up_saturates),
        cmocka_unit_test(test_date_bcd_24),
        cmocka_unit_test(test_date_binary),
        cmocka_unit_test(test_date_12_hours),
        cmocka_unit_test(test_date_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
