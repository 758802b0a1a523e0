// SPDX-License-Identifier: MIT
// Tests of the real-time clock: the date, setting it, alarms and interrupts, CMOS memory.
#include "vmm/devices/rtc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"
#include "vmm/devices/rtc_date.h"
#include "vmm/devices/rtc_interrupts.h"

#define SECOND 1000000000ULL
#define MS 1000000ULL
#define START 1709251199ULL // Thursday, 2024-02-29 23:59:59

enum { A = 0x0a, B = 0x0b, C = 0x0c, D = 0x0d, CENTURY = 0x32 };
enum { SET = 0x80, PIE = 0x40, AIE = 0x20, UIE = 0x10, BINARY = 0x04, H24 = 0x02 };

static struct rtc rtc;
static struct fake_line line;

static int set_up(void **state)
{
    (void)state;
    fake_line_init(&line);
    rtc_init(&rtc, &line.line, START, 0);
    return 0;
}

static unsigned get(uint8_t index, uint64_t now_ns)
{
    rtc_write(&rtc, 0, index, now_ns);
    return rtc_read(&rtc, 1, now_ns);
}

static void put(uint8_t index, uint8_t value, uint64_t now_ns)
{
    rtc_write(&rtc, 0, index, now_ns);
    rtc_write(&rtc, 1, value, now_ns);
}

// Second, minute, hour, weekday, day, month, year, century.
static void assert_date(const uint8_t *expected, uint64_t now_ns)
{
    static const uint8_t indices[] = {0, 2, 4, 6, 7, 8, 9, CENTURY};
    for (unsigned i = 0; i < ARRAY_SIZE(indices); i++) {
        assert_int_equal(get(indices[i], now_ns), expected[i]);
    }
}

#define ASSERT_DATE(now_ns, ...) assert_date((const uint8_t[]){__VA_ARGS__}, now_ns)

static void test_registers_at_start(void **state)
{
    (void)state;
    assert_int_equal(get(A, 0), 0x26);
    assert_int_equal(get(B, 0), H24);
    assert_int_equal(get(C, 0), 0);
    assert_int_equal(get(D, 0), 0x80);
    assert_int_equal(rtc_read(&rtc, 0, 0), 0xff); // the index is write-only
    ASSERT_DATE(0, 0x59, 0x59, 0x23, 5, 0x29, 0x02, 0x24, 0x20);
    assert_true(rtc_next_event_ns(&rtc, 0) == NEVER_NS);
}

static void test_the_date_goes_on(void **state)
{
    (void)state;
    ASSERT_DATE(SECOND - 1, 0x59, 0x59, 0x23, 5, 0x29, 0x02, 0x24, 0x20);
    ASSERT_DATE(SECOND, 0x00, 0x00, 0x00, 6, 0x01, 0x03, 0x24, 0x20);
    ASSERT_DATE(3601 * SECOND, 0x00, 0x00, 0x01, 6, 0x01, 0x03, 0x24, 0x20);
    ASSERT_DATE(200ULL * 365 * 86400 * SECOND, 0x59, 0x59, 0x23, 2, 0x12, 0x01, 0x24, 0x22);
}

static void test_binary_and_12_hours(void **state)
{
    (void)state;
    put(B, H24 | BINARY, 0);
    ASSERT_DATE(0, 59, 59, 23, 5, 29, 2, 24, 20);
    put(B, BINARY, 0);
    assert_int_equal(get(4, 0), 0x80 | 11);
    assert_int_equal(get(4, SECOND), 12);
    assert_int_equal(get(4, 3601 * SECOND), 1);
    assert_int_equal(get(4, (12 * 3600 + 1) * SECOND), 0x80 | 12);
    put(B, 0, (12 * 3600 + 1) * SECOND);
    assert_int_equal(get(4, (12 * 3600 + 1) * SECOND), 0x92);
}

static void set_date(uint64_t now_ns)
{
    put(0, 0x30, now_ns);
    put(2, 0x15, now_ns);
    put(4, 0x12, now_ns);
    put(6, 0x03, now_ns);
    put(7, 0x31, now_ns);
    put(8, 0x12, now_ns);
    put(9, 0x99, now_ns);
    put(CENTURY, 0x19, now_ns);
}

static void test_setting_the_date(void **state)
{
    (void)state;
    put(B, SET | H24, SECOND / 2);
    set_date(10 * SECOND);
    ASSERT_DATE(20 * SECOND, 0x30, 0x15, 0x12, 3, 0x31, 0x12, 0x99, 0x19); // the date stands still
    put(B, H24, 20 * SECOND + SECOND / 2);
    ASSERT_DATE(21 * SECOND - 1, 0x30, 0x15, 0x12, 3, 0x31, 0x12, 0x99, 0x19);
    ASSERT_DATE(21 * SECOND, 0x31, 0x15, 0x12, 3, 0x31, 0x12, 0x99, 0x19);
    ASSERT_DATE(21 * SECOND + 43200 * SECOND, 0x31, 0x15, 0x00, 4, 0x01, 0x01, 0x00, 0x20);
}

static void test_setting_the_date_while_it_runs(void **state)
{
    (void)state;
    set_date(SECOND / 2);
    ASSERT_DATE(SECOND, 0x31, 0x15, 0x12, 3, 0x31, 0x12, 0x99, 0x19);
}

static void test_divider_reset(void **state)
{
    (void)state;
    put(A, 0x66, 10 * SECOND); // holds the divider
    set_date(11 * SECOND);
    ASSERT_DATE(100 * SECOND, 0x30, 0x15, 0x12, 3, 0x31, 0x12, 0x99, 0x19);
    put(A, 0x26, 100 * SECOND); // the first update comes half a second later
    assert_int_equal(get(0, 100 * SECOND + 499 * MS), 0x30);
    assert_int_equal(get(0, 100 * SECOND + 500 * MS), 0x31);
    assert_int_equal(get(0, 101 * SECOND + 500 * MS), 0x32);
}

static void test_divider_reset_at_time_0(void **state)
{
    (void)state;
    put(A, 0x66, 0);
    put(A, 0x26, 0);
    assert_int_equal(get(0, 499 * MS), 0x59);
    assert_int_equal(get(0, 500 * MS), 0x00);
}

static void test_update_in_progress(void **state)
{
    (void)state;
    assert_int_equal(get(A, 0) & 0x80, 0);
    assert_int_equal(get(A, SECOND - 245000) & 0x80, 0);
    assert_int_equal(get(A, SECOND - 244000) & 0x80, 0x80);
    assert_int_equal(get(A, SECOND - 1) & 0x80, 0x80);
    assert_int_equal(get(A, SECOND) & 0x80, 0);
    put(B, SET | H24, SECOND);
    assert_int_equal(get(A, 2 * SECOND - 1) & 0x80, 0);
}

static void test_every_periodic_rate(void **state)
{
    (void)state;
    for (unsigned rate = 1; rate < 16; rate++) {
        unsigned shift = rate <= 2 ? rate + 6 : rate - 1;
        set_up(state);
        put(A, (uint8_t)(0x20 | rate), 0);
        put(B, PIE | H24, 0);
        for (uint64_t i = 1; i <= 100; i++) {
            uint64_t due = ((i << shift) * SECOND + 32767) / 32768;
            assert_true(rtc_next_event_ns(&rtc, 0) == due);
            rtc_advance(&rtc, due - 1);
            assert_false(line.level);
            rtc_advance(&rtc, due);
            assert_true(line.level);
            // No event is due until the guest reads register C.
            assert_true(rtc_next_event_ns(&rtc, due) == NEVER_NS);
            assert_int_equal(get(C, due) & ~0x30, 0xc0);
            assert_false(line.level);
        }
    }
}

static void test_rate_0_is_off(void **state)
{
    (void)state;
    put(A, 0x20, 0);
    put(B, PIE | H24, 0);
    assert_true(rtc_next_event_ns(&rtc, 0) == NEVER_NS);
    rtc_advance(&rtc, 100 * SECOND);
    assert_false(line.level);
}

static void test_update_interrupt(void **state)
{
    (void)state;
    put(B, UIE | H24, SECOND / 3);
    for (unsigned i = 1; i < 10; i++) {
        assert_true(rtc_next_event_ns(&rtc, 0) == i * SECOND);
        rtc_advance(&rtc, i * SECOND);
        assert_true(line.level);
        assert_int_equal(get(C, i * SECOND) & 0x90, 0x90);
    }
    put(B, SET | UIE | H24, 20 * SECOND); // setting stops updates and clears the enable bit
    assert_int_equal(get(B, 20 * SECOND), SET | H24);
}

static void test_flags_without_enable(void **state)
{
    (void)state;
    rtc_advance(&rtc, 5 * SECOND);
    assert_int_equal(get(C, 5 * SECOND), 0x70); // the alarm is at 00:00:00 after power-up
    assert_int_equal(get(C, 5 * SECOND), 0);
    rtc_advance(&rtc, 7 * SECOND);
    assert_int_equal(line.calls, 0);
    put(B, UIE | H24, 7 * SECOND); // the flag is already there
    assert_true(line.level);
}

static void set_alarm(uint8_t hour, uint8_t minute, uint8_t second)
{
    put(1, second, 0);
    put(3, minute, 0);
    put(5, hour, 0);
    put(B, AIE | H24, 0);
}

// Each alarm is set at 23:59:59. The table has the delay until the alarm in seconds.
static void test_alarm_times(void **state)
{
    static const struct {
        uint8_t hour, minute, second;
        uint64_t delay;
    } alarms[] = {
        {0x00, 0x00, 0x00, 1},     {0x23, 0x59, 0x59, 86400}, {0x23, 0x59, 0x58, 86399},
        {0xff, 0xff, 0xff, 1},     {0xc0, 0xc0, 0x30, 31},    {0xff, 0x05, 0x30, 331},
        {0x02, 0xff, 0xff, 7201},  {0x02, 0xff, 0x10, 7211},  {0xff, 0x30, 0xff, 1801},
        {0x12, 0x34, 0x56, 45297}, {0x23, 0xff, 0xff, 82801}, {0x23, 0x59, 0xff, 86341},
        {0xff, 0xff, 0x59, 60},    {0xff, 0x59, 0x59, 3600},  {0x24, 0x00, 0x00, 0},
        {0xff, 0x60, 0xff, 0},     {0xff, 0xff, 0x99, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(alarms); i++) {
        uint64_t delay = alarms[i].delay;
        set_up(state);
        set_alarm(alarms[i].hour, alarms[i].minute, alarms[i].second);
        assert_true(rtc_next_event_ns(&rtc, 0) == (delay ? delay * SECOND : NEVER_NS));
        rtc_advance(&rtc, delay ? delay * SECOND - 1 : 100 * 86400 * SECOND);
        assert_false(line.level);
        if (delay != 0) {
            rtc_advance(&rtc, delay * SECOND);
            assert_true(line.level);
            assert_int_equal(get(C, delay * SECOND) & 0xa0, 0xa0);
        }
    }
}

static void test_alarm_with_12_hours(void **state)
{
    (void)state;
    put(1, 0, 0);
    put(3, 0, 0);
    put(5, 0x81, 0); // 1 in the afternoon
    put(B, AIE, 0);
    assert_true(rtc_next_event_ns(&rtc, 0) == (13 * 3600 + 1) * SECOND);
    put(5, 0x13, 0);
    assert_true(rtc_next_event_ns(&rtc, 0) == NEVER_NS);
}

static void test_alarm_while_nobody_looked(void **state)
{
    (void)state;
    set_alarm(0x12, 0x00, 0x00);
    rtc_advance(&rtc, 400ULL * 86400 * SECOND);
    assert_int_equal(line.rises, 1);
    assert_int_equal(get(C, 400ULL * 86400 * SECOND), 0xf0);
}

static void test_events_of_a_long_run_do_not_drift(void **state)
{
    uint64_t now = 0;
    (void)state;
    put(A, 0x2f, 0); // 2 Hz
    put(B, PIE | H24, 0);
    for (unsigned i = 0; i < 2000000; i++) {
        now = rtc_next_event_ns(&rtc, now);
        rtc_advance(&rtc, now);
        get(C, now);
    }
    assert_true(now == 1000000 * SECOND);
}

static void test_memory_keeps_what_is_written(void **state)
{
    (void)state;
    for (unsigned index = 0x0e; index < 0x80; index++) {
        if (index != CENTURY) {
            put((uint8_t)(index | 0x80), (uint8_t)(index ^ 0x5a), 0); // bit 7 masks NMI
        }
    }
    rtc_reset(&rtc);
    for (unsigned index = 0x0e; index < 0x80; index++) {
        if (index != CENTURY) {
            assert_int_equal(get((uint8_t)index, 0), index ^ 0x5a);
        }
    }
}

static void test_read_only_registers(void **state)
{
    (void)state;
    put(C, 0xff, 0);
    put(D, 0x00, 0);
    put(A, 0xff & ~0x40, 0);
    assert_int_equal(get(C, 0), 0);
    assert_int_equal(get(D, 0), 0x80);
    assert_int_equal(get(A, 0), 0x3f);
    assert_int_equal(line.calls, 0);
}

static void test_memory_sizes(void **state)
{
    static const struct {
        uint64_t below, above;
        unsigned base_kb, extended_kb, above_16m, above_4g;
    } sizes[] = {
        {512 * KIB, 0, 512, 0, 0, 0},
        {MIB, 0, 640, 0, 0, 0},
        {32 * MIB, 0, 640, 31 * 1024, 256, 0},
        {3 * GIB, 5 * GIB, 640, 0xffff, 3 * 16384 - 256, 5 * 16384},
        {0, UINT64_MAX, 0, 0, 0, 0xffffff},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        unsigned sum = 0;
        rtc_set_memory(&rtc, sizes[i].below, sizes[i].above);
        assert_int_equal(get(0x15, 0) | get(0x16, 0) << 8, sizes[i].base_kb);
        assert_int_equal(get(0x17, 0) | get(0x18, 0) << 8, sizes[i].extended_kb);
        assert_int_equal(get(0x30, 0) | get(0x31, 0) << 8, sizes[i].extended_kb);
        assert_int_equal(get(0x34, 0) | get(0x35, 0) << 8, sizes[i].above_16m);
        assert_int_equal(get(0x5b, 0) | get(0x5c, 0) << 8 | get(0x5d, 0) << 16, sizes[i].above_4g);
        for (uint8_t index = 0x10; index <= 0x2d; index++) {
            sum += get(index, 0);
        }
        assert_int_equal(get(0x2e, 0) << 8 | get(0x2f, 0), sum);
    }
}

static void test_reset_clears_interrupts_only(void **state)
{
    (void)state;
    put(B, UIE | AIE | PIE | H24 | BINARY, 0);
    rtc_advance(&rtc, 5 * SECOND);
    assert_true(line.level);
    rtc_reset(&rtc);
    assert_false(line.level);
    assert_int_equal(get(B, 5 * SECOND), H24 | BINARY);
    ASSERT_DATE(5 * SECOND, 4, 0, 0, 6, 1, 3, 24, 20);
}

static void test_hostile_dates(void **state)
{
    (void)state;
    for (unsigned format = 0; format < 4; format++) {
        for (unsigned value = 0; value < 256; value++) {
            set_up(state);
            put(B, (uint8_t)(SET | format * 2), 0);
            for (uint8_t index = 0; index < 10; index++) {
                put(index, (uint8_t)value, 0);
            }
            put(CENTURY, (uint8_t)value, 0);
            put(B, (uint8_t)(AIE | UIE | format * 2), 0);
            for (uint64_t now = 0; now < 5; now++) {
                get(7, now * 40000 * SECOND);
                rtc_advance(&rtc, now * 40000 * SECOND);
                rtc_next_event_ns(&rtc, now * 40000 * SECOND);
            }
        }
    }
}

// Each day of 800 years is compared with a date that the test counts up itself.
static void test_calendar(void **state)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t seconds = -62167219200; // 0000-01-01, a Saturday
    unsigned weekday = 7;
    (void)state;
    for (unsigned year = 0; year < 2800; year++) {
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        for (unsigned month = 1; month <= 12; month++) {
            unsigned length = lengths[month - 1] + (month == 2 && leap);
            for (unsigned day = 1; day <= length; day++) {
                struct rtc_date date;
                rtc_date_from_seconds(seconds + 86399, &date);
                assert_true(date.year == year && date.month == month && date.day == day);
                assert_true(date.weekday == weekday && date.hour == 23 && date.second == 59);
                assert_true(rtc_date_to_seconds(&date) == seconds + 86399);
                seconds += 86400;
                weekday = weekday % 7 + 1;
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers_at_start, set_up),
        cmocka_unit_test_setup(test_the_date_goes_on, set_up),
        cmocka_unit_test_setup(test_binary_and_12_hours, set_up),
        cmocka_unit_test_setup(test_setting_the_date, set_up),
        cmocka_unit_test_setup(test_setting_the_date_while_it_runs, set_up),
        cmocka_unit_test_setup(test_divider_reset, set_up),
        cmocka_unit_test_setup(test_divider_reset_at_time_0, set_up),
        cmocka_unit_test_setup(test_update_in_progress, set_up),
        cmocka_unit_test_setup(test_every_periodic_rate, set_up),
        cmocka_unit_test_setup(test_rate_0_is_off, set_up),
        cmocka_unit_test_setup(test_update_interrupt, set_up),
        cmocka_unit_test_setup(test_flags_without_enable, set_up),
        cmocka_unit_test_setup(test_alarm_times, set_up),
        cmocka_unit_test_setup(test_alarm_with_12_hours, set_up),
        cmocka_unit_test_setup(test_alarm_while_nobody_looked, set_up),
        cmocka_unit_test_setup(test_events_of_a_long_run_do_not_drift, set_up),
        cmocka_unit_test_setup(test_memory_keeps_what_is_written, set_up),
        cmocka_unit_test_setup(test_read_only_registers, set_up),
        cmocka_unit_test_setup(test_memory_sizes, set_up),
        cmocka_unit_test_setup(test_reset_clears_interrupts_only, set_up),
        cmocka_unit_test_setup(test_hostile_dates, set_up),
        cmocka_unit_test_setup(test_calendar, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
