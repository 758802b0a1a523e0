// SPDX-License-Identifier: MIT
// Tests of the 8254 against the data sheet, tick by tick and over months.
#include "vmm/devices/pit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"

#define SECOND 1000000000ULL
#define YEAR (365 * 86400 * SECOND)

enum { CHANNEL_0, CHANNEL_1, CHANNEL_2, CONTROL };
enum { GATE2 = 0x01, REFRESH = 0x10, OUT2 = 0x20 };

static struct pit pit;
static struct fake_line line;

static int set_up(void **state)
{
    (void)state;
    fake_line_init(&line);
    pit_init(&pit, &line.line);
    return 0;
}

// The first nanosecond of a tick. This follows the definition, not the code of the model.
static uint64_t ns(uint64_t tick)
{
    return (uint64_t)(((unsigned __int128)tick * SECOND + PIT_HZ - 1) / PIT_HZ);
}

static void set(unsigned channel, unsigned mode, uint16_t count, uint64_t tick)
{
    pit_write(&pit, CONTROL, (uint8_t)(channel << 6 | 3 << 4 | mode << 1), ns(tick));
    pit_write(&pit, channel, (uint8_t)count, ns(tick));
    pit_write(&pit, channel, (uint8_t)(count >> 8), ns(tick));
}

static unsigned read_count(unsigned channel, uint64_t tick)
{
    unsigned low;
    pit_write(&pit, CONTROL, (uint8_t)(channel << 6), ns(tick));
    low = pit_read(&pit, channel, ns(tick));
    return low | (unsigned)pit_read(&pit, channel, ns(tick)) << 8;
}

static unsigned read_status(unsigned channel, uint64_t tick)
{
    pit_write(&pit, CONTROL, (uint8_t)(0xe0 | 2 << channel), ns(tick));
    return pit_read(&pit, channel, ns(tick));
}

static bool out(unsigned channel, uint64_t tick)
{
    return read_status(channel, tick) & 0x80;
}

static void gate2(bool high, uint64_t tick)
{
    pit_port61_write(&pit, high ? GATE2 : 0, ns(tick));
}

static void test_counts_nothing_until_programmed(void **state)
{
    (void)state;
    pit_advance(&pit, YEAR);
    assert_int_equal(line.calls, 0);
    assert_true(pit_next_event_ns(&pit, 0) == NEVER_NS);
    assert_int_equal(pit_read(&pit, CONTROL, YEAR), 0xff);
    assert_int_equal(read_status(CHANNEL_0, 3000000000) & 0xc0, 0x40);
}

static void test_mode_0_rises_once(void **state)
{
    (void)state;
    set(CHANNEL_0, 0, 5, 100);
    assert_false(line.level);
    for (unsigned tick = 101; tick < 106; tick++) { // the count is loaded at tick 101
        assert_false(out(CHANNEL_0, tick));
        assert_int_equal(read_count(CHANNEL_0, tick), 106 - tick);
        assert_true(pit_next_event_ns(&pit, ns(tick)) == ns(106));
    }
    pit_advance(&pit, ns(106) - 1);
    assert_false(line.level);
    pit_advance(&pit, ns(106));
    assert_true(line.level);
    assert_true(pit_next_event_ns(&pit, ns(106)) == NEVER_NS);
    assert_int_equal(read_count(CHANNEL_0, 106), 0);
    assert_int_equal(read_count(CHANNEL_0, 108), 0xfffe); // wraps and counts on
    assert_int_equal(read_count(CHANNEL_0, 107 + 65536), 0xffff);
    assert_true(out(CHANNEL_0, 107 + 65536));
    assert_int_equal(line.rises, 1);
}

static void test_mode_0_first_byte_stops_the_count(void **state)
{
    (void)state;
    set(CHANNEL_0, 0, 100, 0);
    pit_write(&pit, CHANNEL_0, 50, ns(11));
    assert_int_equal(read_count(CHANNEL_0, 90), 90);
    assert_true(pit_next_event_ns(&pit, ns(90)) == NEVER_NS);
    pit_write(&pit, CHANNEL_0, 0, ns(200));
    assert_true(pit_next_event_ns(&pit, ns(200)) == ns(251));
}

static void test_mode_2_period(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 4, 0);
    assert_true(line.level); // high from the control word on
    assert_int_equal(line.rises, 1);
    for (unsigned tick = 1; tick < 40; tick++) {
        assert_int_equal(read_count(CHANNEL_0, tick), 4 - (tick - 1) % 4);
        assert_int_equal(out(CHANNEL_0, tick), (tick - 1) % 4 != 3);
    }
}

static void test_mode_3_even_and_odd(void **state)
{
    static const uint8_t even[] = {4, 2, 4, 2};
    static const uint8_t odd[] = {4, 2, 0, 4, 2};
    (void)state;
    set(CHANNEL_0, 3, 4, 0);
    for (unsigned tick = 1; tick < 40; tick++) {
        assert_int_equal(read_count(CHANNEL_0, tick), even[(tick - 1) % 4]);
        assert_int_equal(out(CHANNEL_0, tick), (tick - 1) % 4 < 2);
    }
    set(CHANNEL_0, 3, 5, 100);
    for (unsigned tick = 101; tick < 140; tick++) {
        assert_int_equal(read_count(CHANNEL_0, tick), odd[(tick - 101) % 5]);
        assert_int_equal(out(CHANNEL_0, tick), (tick - 101) % 5 < 3);
    }
}

static void test_mode_4_strobes_once(void **state)
{
    (void)state;
    set(CHANNEL_0, 4, 10, 0);
    assert_true(line.level);
    assert_true(out(CHANNEL_0, 10));
    assert_false(out(CHANNEL_0, 11));
    assert_true(out(CHANNEL_0, 12));
    assert_int_equal(line.rises, 2);
    pit_advance(&pit, YEAR);
    assert_int_equal(line.rises, 2);
}

static void test_mode_4_edge_is_seen_although_nobody_looked(void **state)
{
    (void)state;
    set(CHANNEL_0, 4, 10, 0);
    assert_true(pit_next_event_ns(&pit, 0) == ns(12));
    pit_advance(&pit, ns(1000));
    assert_int_equal(line.rises, 2);
}

static void test_mode_1_is_triggered_by_the_gate(void **state)
{
    (void)state;
    set(CHANNEL_2, 1, 5, 0);
    assert_true(out(CHANNEL_2, 50));
    gate2(true, 100);
    assert_true(out(CHANNEL_2, 100));
    for (unsigned tick = 101; tick < 106; tick++) {
        assert_false(out(CHANNEL_2, tick));
    }
    assert_true(out(CHANNEL_2, 106));
    gate2(false, 110);
    gate2(true, 120); // a second trigger
    assert_false(out(CHANNEL_2, 123));
    gate2(false, 124); // a low gate does not stop this mode
    gate2(true, 124);  // but a trigger starts the count anew
    assert_false(out(CHANNEL_2, 129));
    assert_true(out(CHANNEL_2, 130));
    set(CHANNEL_0, 1, 5, 200); // channel 0 has no gate, so it is never triggered
    assert_true(pit_next_event_ns(&pit, ns(200)) == NEVER_NS);
}

static void test_mode_5_strobes_after_the_gate(void **state)
{
    (void)state;
    set(CHANNEL_2, 5, 5, 0);
    gate2(true, 10);
    assert_true(out(CHANNEL_2, 15));
    assert_false(out(CHANNEL_2, 16));
    assert_true(out(CHANNEL_2, 17));
    pit_write(&pit, CHANNEL_2, 9, ns(20)); // this count is for the next trigger
    pit_write(&pit, CHANNEL_2, 0, ns(20));
    assert_true(read_status(CHANNEL_2, 21) & 0x40);
    gate2(false, 30);
    gate2(true, 30);
    assert_false(read_status(CHANNEL_2, 31) & 0x40);
    assert_false(out(CHANNEL_2, 40));
}

static void test_gate_pauses_modes_0_and_4(void **state)
{
    (void)state;
    gate2(true, 0);
    set(CHANNEL_2, 0, 100, 0);
    gate2(false, 11);
    assert_int_equal(read_count(CHANNEL_2, 11), 90);
    assert_int_equal(read_count(CHANNEL_2, 5000), 90);
    gate2(true, 5000);
    assert_false(out(CHANNEL_2, 5089));
    assert_true(out(CHANNEL_2, 5090));
    gate2(false, 6000);
    set(CHANNEL_2, 4, 10, 6000); // loaded while the gate is low
    assert_int_equal(read_count(CHANNEL_2, 7000), 10);
    gate2(true, 7000);
    assert_false(out(CHANNEL_2, 7010));
}

static void test_gate_restarts_modes_2_and_3(void **state)
{
    (void)state;
    for (unsigned mode = 2; mode <= 3; mode++) {
        uint64_t base = mode * 100000;
        gate2(true, base);
        set(CHANNEL_2, mode, 100, base);
        gate2(false, base + 95);
        assert_true(out(CHANNEL_2, base + 500)); // a low gate holds OUT high
        gate2(true, base + 1000);
        assert_int_equal(read_count(CHANNEL_2, base + 1001), 100);
    }
}

static void test_new_count_waits_for_the_period(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 100, 0);
    pit_write(&pit, CHANNEL_0, 10, ns(31));
    assert_int_equal(read_count(CHANNEL_0, 31), 70); // half a count changes nothing
    pit_write(&pit, CHANNEL_0, 0, ns(31));
    assert_true(read_status(CHANNEL_0, 32) & 0x40);
    assert_int_equal(read_count(CHANNEL_0, 100), 1);
    assert_true(pit_next_event_ns(&pit, ns(100)) == ns(101));
    assert_int_equal(read_count(CHANNEL_0, 101), 10);
    assert_false(read_status(CHANNEL_0, 101) & 0x40);
    pit_advance(&pit, ns(105));
    assert_true(pit_next_event_ns(&pit, ns(105)) == ns(111));
}

static void test_new_count_waits_for_the_half(void **state)
{
    (void)state;
    set(CHANNEL_0, 3, 100, 0);
    pit_write(&pit, CHANNEL_0, 10, ns(31));
    pit_write(&pit, CHANNEL_0, 0, ns(31));
    assert_true(out(CHANNEL_0, 50));
    for (unsigned tick = 51; tick < 56; tick++) { // the low half already has the new length
        assert_false(out(CHANNEL_0, tick));
    }
    assert_true(out(CHANNEL_0, 56));
    pit_write(&pit, CHANNEL_0, 100, ns(62)); // written in a low half
    pit_write(&pit, CHANNEL_0, 0, ns(62));
    assert_false(out(CHANNEL_0, 65));
    assert_true(out(CHANNEL_0, 66));
    assert_true(out(CHANNEL_0, 115));
    assert_false(out(CHANNEL_0, 116));
}

static void test_access_modes(void **state)
{
    (void)state;
    pit_write(&pit, CONTROL, 0x14, 0); // channel 0, low byte, mode 2
    pit_write(&pit, CHANNEL_0, 200, 0);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(1)), 200);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(1)), 200);
    pit_write(&pit, CONTROL, 0x24, ns(10)); // high byte
    pit_write(&pit, CHANNEL_0, 0x12, ns(10));
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(11)), 0x12);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(12)), 0x11);
    pit_write(&pit, CONTROL, 0x00, ns(12));
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(12)), 0x11);
    pit_write(&pit, CONTROL, 0x34, ns(20)); // low, then high
    pit_write(&pit, CHANNEL_0, 0x34, ns(20));
    pit_write(&pit, CHANNEL_0, 0x12, ns(20));
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(21)), 0x34);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(21)), 0x12);
}

static void test_latches_hold_until_read(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 0x1234, 0);
    pit_write(&pit, CONTROL, 0xc2, ns(1)); // read-back: count and status of channel 0
    pit_write(&pit, CONTROL, 0x00, ns(5)); // the first latch still holds the value
    pit_write(&pit, CONTROL, 0xe2, ns(5));
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(9)), 0xb4);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(9)), 0x34);
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(9)), 0x12);
    // The latch is empty: this is the count itself.
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(9)), 0x2c);
}

static void test_read_back_of_several_channels(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 100, 0);
    set(CHANNEL_1, 3, 200, 0);
    pit_write(&pit, CONTROL, 0xd6, ns(1)); // counts of 0 and 1
    assert_int_equal(pit_read(&pit, CHANNEL_0, ns(50)), 100);
    assert_int_equal(pit_read(&pit, CHANNEL_1, ns(50)), 200);
    assert_int_equal(read_status(CHANNEL_1, 51), 0xb6);
}

static void test_bcd(void **state)
{
    (void)state;
    pit_write(&pit, CONTROL, 0x31, 0); // mode 0, BCD
    pit_write(&pit, CHANNEL_0, 0x00, 0);
    pit_write(&pit, CHANNEL_0, 0x00, 0);
    assert_true(pit_next_event_ns(&pit, 0) == ns(10001));
    assert_int_equal(read_count(CHANNEL_0, 2), 0x9999);
    assert_int_equal(read_count(CHANNEL_0, 10003), 0x9998);
    pit_write(&pit, CONTROL, 0x35, ns(20000)); // mode 2
    pit_write(&pit, CHANNEL_0, 0x34, ns(20000));
    pit_write(&pit, CHANNEL_0, 0x12, ns(20000));
    assert_int_equal(read_count(CHANNEL_0, 20002), 0x1233);
    // No decimal number: the model takes the largest count.
    pit_write(&pit, CHANNEL_0, 0xff, ns(20002));
    pit_write(&pit, CHANNEL_0, 0xff, ns(20002));
    assert_int_equal(read_count(CHANNEL_0, 20001 + 1234), 0x0000);
    assert_int_equal(read_count(CHANNEL_0, 20002 + 1234), 0x9999);
}

static void test_zero_is_65536(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 0, 0);
    assert_int_equal(read_count(CHANNEL_0, 1), 0);
    assert_int_equal(read_count(CHANNEL_0, 2), 0xffff);
    pit_advance(&pit, ns(10));
    assert_true(pit_next_event_ns(&pit, ns(10)) == ns(65537));
}

static void test_count_of_1_has_no_edges(void **state)
{
    (void)state;
    for (unsigned mode = 2; mode <= 3; mode++) {
        set(CHANNEL_0, mode, 1, mode * 1000);
        assert_true(pit_next_event_ns(&pit, ns(mode * 1000)) == NEVER_NS);
        assert_int_equal(read_count(CHANNEL_0, mode * 1000 + 100), mode == 2);
    }
}

// 100 Hz for 25 hours, driven by the model's own events. No event is early or lost, and the time
// does not drift.
static void test_no_drift(void **state)
{
    uint64_t now = 0;
    (void)state;
    set(CHANNEL_0, 2, 11932, 0);
    for (unsigned i = 1; i <= 9000000; i++) {
        now = pit_next_event_ns(&pit, now);
        pit_advance(&pit, now);
    }
    assert_true(now == ns(1 + 9000000ULL * 11932));
    assert_int_equal(line.rises, 9000001);
}

static void test_missed_periods_are_one_edge(void **state)
{
    (void)state;
    set(CHANNEL_0, 3, 1000, 0);
    assert_int_equal(line.rises, 1);
    pit_advance(&pit, 40 * YEAR);
    assert_int_equal(line.rises, 2);
    pit_advance(&pit, 40 * YEAR); // at the same time it does not rise again
    assert_int_equal(line.rises, 2);
    assert_true(pit_next_event_ns(&pit, 40 * YEAR) - 40 * YEAR <= ns(1000));
}

static void test_time_that_goes_back_stands_still(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 1000, 5000);
    pit_advance(&pit, ns(5501));
    assert_int_equal(pit_read(&pit, CHANNEL_0, 0), 500 & 0xff);
    pit_advance(&pit, 0);
    assert_true(pit_next_event_ns(&pit, 0) == ns(6001));
}

static void test_end_of_time(void **state)
{
    (void)state;
    pit_advance(&pit, UINT64_MAX - 10);
    pit_write(&pit, CONTROL, 0x34, UINT64_MAX - 9);
    pit_write(&pit, CHANNEL_0, 0, UINT64_MAX - 9);
    pit_write(&pit, CHANNEL_0, 0, UINT64_MAX - 9);
    assert_true(pit_next_event_ns(&pit, UINT64_MAX - 9) == NEVER_NS);
}

static void test_port61(void **state)
{
    (void)state;
    pit_port61_write(&pit, 0xff, 0);
    assert_int_equal(pit_port61_read(&pit, 0) & 0x0f, 0x0f);
    assert_int_equal(pit_port61_read(&pit, 0) & 0xc0, 0);
    set(CHANNEL_2, 0, 100, 0);
    assert_int_equal(pit_port61_read(&pit, ns(100)) & OUT2, 0);
    assert_int_equal(pit_port61_read(&pit, ns(101)) & OUT2, OUT2);
    for (unsigned i = 0; i < 10; i++) { // toggles every 15 us
        assert_int_equal(pit_port61_read(&pit, ns(18 * i)) & REFRESH, i % 2 ? REFRESH : 0);
    }
}

static void test_reset_lowers_the_line(void **state)
{
    (void)state;
    set(CHANNEL_0, 2, 100, 0);
    assert_true(line.level);
    pit_reset(&pit);
    assert_false(line.level);
    assert_true(pit_next_event_ns(&pit, 0) == NEVER_NS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_counts_nothing_until_programmed, set_up),
        cmocka_unit_test_setup(test_mode_0_rises_once, set_up),
        cmocka_unit_test_setup(test_mode_0_first_byte_stops_the_count, set_up),
        cmocka_unit_test_setup(test_mode_2_period, set_up),
        cmocka_unit_test_setup(test_mode_3_even_and_odd, set_up),
        cmocka_unit_test_setup(test_mode_4_strobes_once, set_up),
        cmocka_unit_test_setup(test_mode_4_edge_is_seen_although_nobody_looked, set_up),
        cmocka_unit_test_setup(test_mode_1_is_triggered_by_the_gate, set_up),
        cmocka_unit_test_setup(test_mode_5_strobes_after_the_gate, set_up),
        cmocka_unit_test_setup(test_gate_pauses_modes_0_and_4, set_up),
        cmocka_unit_test_setup(test_gate_restarts_modes_2_and_3, set_up),
        cmocka_unit_test_setup(test_new_count_waits_for_the_period, set_up),
        cmocka_unit_test_setup(test_new_count_waits_for_the_half, set_up),
        cmocka_unit_test_setup(test_access_modes, set_up),
        cmocka_unit_test_setup(test_latches_hold_until_read, set_up),
        cmocka_unit_test_setup(test_read_back_of_several_channels, set_up),
        cmocka_unit_test_setup(test_bcd, set_up),
        cmocka_unit_test_setup(test_zero_is_65536, set_up),
        cmocka_unit_test_setup(test_count_of_1_has_no_edges, set_up),
        cmocka_unit_test_setup(test_no_drift, set_up),
        cmocka_unit_test_setup(test_missed_periods_are_one_edge, set_up),
        cmocka_unit_test_setup(test_time_that_goes_back_stands_still, set_up),
        cmocka_unit_test_setup(test_end_of_time, set_up),
        cmocka_unit_test_setup(test_port61, set_up),
        cmocka_unit_test_setup(test_reset_lowers_the_line, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
