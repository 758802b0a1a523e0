// SPDX-License-Identifier: MIT
// Tests of the console's ring: newlines, colours, slow and dead outputs.
#include "vmm/console/console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/text_screen.h"
#include "tests/host/fake_output.h"

static struct console console;
static struct fake_output serial;
static struct fake_output screen;

// What the console asked of the machine. Each rest lasts 10 ms.
static uint64_t clock_ns;
static unsigned rests;
static unsigned waits;
static size_t room_by_rest; // that the serial line gets in each rest

static uint64_t now_ns(void)
{
    return clock_ns;
}

static void rest(bool for_room)
{
    clock_ns += 10000000;
    rests++;
    waits += for_room;
    if (serial.room_left != SIZE_MAX) {
        serial.room_left += room_by_rest;
    }
}

static const struct console_machine machine = {.now_ns = now_ns, .rest = rest};

static int set_up(void **state)
{
    (void)state;
    clock_ns = 0;
    rests = waits = 0;
    room_by_rest = 0;
    console_init(&console, &machine);
    fake_output_init(&serial);
    fake_output_init(&screen);
    screen.output.colour = true;
    assert_true(console_add(&console, &serial.output));
    assert_true(console_add(&console, &screen.output));
    return 0;
}

static void test_text_reaches_all_outputs_with_crlf(void **state)
{
    (void)state;
    console_print(&console, "one\ntwo\n");
    console_format(&console, "%s %d\n", "three", 3);
    console_pump(&console);
    assert_string_equal(serial.text, "one\r\ntwo\r\nthree 3\r\n");
    assert_string_equal(screen.text, "one\r\ntwo\r\nthree 3\r\n");
}

static void test_raw_bytes_stay_as_they_are(void **state)
{
    (void)state;
    console_raw(&console, "a\nb\0c\x1b[31m\xff", 12);
    console_pump(&console);
    assert_int_equal(serial.length, 12);
    assert_memory_equal(serial.text, "a\nb\0c\x1b[31m\xff", 12);
}

// Whether `text` has a sequence ESC [ ? ... `final` with that number in it.
static bool has_mode(const char *text, const char *number, char final)
{
    for (; (text = strstr(text, "\x1b[?")); text++) {
        const char *end = text + 3 + strspn(text + 3, "0123456789;");
        for (const char *at = text + 3; *end == final && at < end; at++) {
            size_t digits = strspn(at, "0123456789");
            if (digits == strlen(number) && strncmp(at, number, digits) == 0) {
                return true;
            }
            at += digits;
        }
    }
    return false;
}

static void test_a_terminal_is_reset(void **state)
{
    (void)state;
    static const char *const off[] = {"1",    "6",    "69",   "9",    "1000", "1002", "1003",
                                      "1004", "1006", "1015", "1016", "1047", "2004"};
    static const char *const parts[] = {"\x1b[!p", "\x1b[m", "\x1b[r", "\x1b(B", "\x0f", "\x1b>"};
    console_reset_terminal(&console);
    console_pump(&console);
    for (unsigned i = 0; i < ARRAY_SIZE(off); i++) {
        assert_true(has_mode(serial.text, off[i], 'l'));
    }
    assert_true(has_mode(serial.text, "7", 'h'));
    assert_true(has_mode(serial.text, "25", 'h'));
    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        assert_non_null(strstr(serial.text, parts[i]));
    }
}

// A guest has left colours and the middle of a sequence. The reset shows no character.
static void test_the_reset_leaves_nothing_on_the_screen(void **state)
{
    (void)state;
    static struct text_screen shown;
    text_screen_init(&shown, 80, 25);
    for (const char *at = "\x1b[31;44mred\x1b[5;5H\x1b[12"; *at != '\0'; at++) {
        text_screen_put(&shown, *at);
    }
    console_reset_terminal(&console);
    console_print(&console, "\nx");
    console_pump(&console);
    for (size_t i = 0; i < serial.length; i++) {
        text_screen_put(&shown, serial.text[i]);
    }
    for (unsigned cell = 0; cell < 24 * 80; cell++) {
        assert_int_equal(text_screen_row(&shown, cell / 80)[cell % 80] & 0xff, ' ');
    }
    assert_int_equal(text_screen_row(&shown, 24)[0], 0x0700 | 'x');
    assert_int_equal(text_screen_row(&shown, 24)[1] & 0xff, ' ');
}

static void test_colour_only_where_it_is_wanted(void **state)
{
    (void)state;
    console_colour(&console, "\x1b[32m");
    console_print(&console, "[a]");
    console_colour(&console, "\x1b[m");
    console_pump(&console);
    assert_string_equal(serial.text, "[a]");
    assert_string_equal(screen.text, "\x1b[32m[a]\x1b[m");
    assert_int_equal(console_backlog(&console), 0);
}

static void test_slow_output_does_not_hold_the_fast_one(void **state)
{
    (void)state;
    serial.room_left = 3;
    console_print(&console, "abcdef");
    console_pump(&console);
    assert_string_equal(serial.text, "abc");
    assert_string_equal(screen.text, "abcdef");
    assert_int_equal(console_backlog(&console), 3);
    serial.room_left = SIZE_MAX;
    console_pump(&console);
    assert_string_equal(serial.text, "abcdef");
}

static void test_long_text_waits_for_room(void **state)
{
    (void)state;
    serial.room = 16;
    for (unsigned i = 0; i < 5000; i++) {
        console_format(&console, "line %u\n", i);
    }
    console_flush(&console);
    assert_int_equal(serial.length, screen.length);
    assert_string_equal(serial.text, screen.text);
    assert_non_null(strstr(serial.text, "line 0\r\nline 1\r\n"));
    assert_non_null(strstr(serial.text, "line 4999\r\n"));
}

static void test_guests_get_a_part_of_the_ring(void **state)
{
    (void)state;
    serial.room_left = 0;
    assert_int_equal(console_guest_room(&console), CONSOLE_GUEST_CELLS);
    console_print(&console, "0123456789");
    assert_int_equal(console_guest_room(&console), CONSOLE_GUEST_CELLS - 10);
    for (unsigned i = 0; i < CONSOLE_GUEST_CELLS; i++) {
        console_print(&console, "x");
    }
    assert_int_equal(console_guest_room(&console), 0);
}

static void write_cells(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        console_print(&console, "x");
    }
}

// A command that writes much lets guests run, although every output takes its text at once.
static void test_long_text_offers_to_rest(void **state)
{
    (void)state;
    write_cells(CONSOLE_REST_CELLS);
    assert_int_equal(rests, 0);
    write_cells(100 * CONSOLE_REST_CELLS);
    assert_int_equal(rests, 100);
    assert_int_equal(waits, 0);
}

// No text is given up while an output takes a little now and then.
static void test_guests_run_while_text_waits_for_room(void **state)
{
    (void)state;
    serial.room_left = 0;
    room_by_rest = 1;
    write_cells(CONSOLE_RING_CELLS + 1000);
    assert_true(waits >= 500);
    room_by_rest = 1000;
    console_flush(&console);
    assert_false(serial.output.stalled);
    assert_int_equal(serial.length, CONSOLE_RING_CELLS + 1000);
}

static void test_a_call_of_pump_moves_a_bounded_amount(void **state)
{
    (void)state;
    serial.room_left = 0;
    write_cells(CONSOLE_RING_CELLS / 2);
    serial.room_left = SIZE_MAX;
    console_pump(&console);
    assert_in_range(serial.length, 500, 1500);
    assert_true(console_wants_pump(&console));
    console_flush(&console);
    assert_false(console_wants_pump(&console));
}

static void test_a_little_room_is_no_reason_to_pump(void **state)
{
    (void)state;
    serial.room_left = 0;
    write_cells(1000);
    console_pump(&console);
    assert_false(console_wants_pump(&console));
    serial.room_left = 16;
    assert_false(console_wants_pump(&console));
    serial.room_left = 128;
    assert_true(console_wants_pump(&console));
}

static void test_dead_output_is_left_behind(void **state)
{
    (void)state;
    serial.room_left = 0;
    for (unsigned i = 0; i < CONSOLE_RING_CELLS + 1; i++) {
        console_print(&console, "x");
    }
    assert_true(serial.output.stalled);
    assert_in_range(clock_ns, 5000000000, 9000000000);
    console_flush(&console);
    assert_int_equal(screen.length, CONSOLE_RING_CELLS + 1);
    serial.room_left = SIZE_MAX;
    console_pump(&console);
    assert_false(serial.output.stalled);
    console_print(&console, "back\n");
    console_pump(&console);
    assert_string_equal(serial.text, "back\r\n");
}

static void test_positions_wrap(void **state)
{
    (void)state;
    console.end = UINT32_MAX - 2;
    serial.output.next = screen.output.next = console.end;
    console_print(&console, "0123456789");
    assert_int_equal(console_backlog(&console), 10);
    console_pump(&console);
    assert_string_equal(serial.text, "0123456789");
}

static void test_late_output_shows_only_what_comes(void **state)
{
    (void)state;
    static struct fake_output late;
    fake_output_init(&late);
    console_print(&console, "early\n");
    assert_true(console_add(&console, &late.output));
    console_print(&console, "now\n");
    console_pump(&console);
    assert_string_equal(late.text, "now\r\n");
    while (console.output_count < CONSOLE_OUTPUTS_MAX) {
        assert_true(console_add(&console, &late.output));
    }
    assert_false(console_add(&console, &late.output));
}

static void test_no_output_never_waits(void **state)
{
    (void)state;
    console_init(&console, &machine);
    for (unsigned i = 0; i < 2 * CONSOLE_RING_CELLS; i++) {
        console_print(&console, "x");
    }
    console_flush(&console);
    assert_int_equal(console_backlog(&console), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_text_reaches_all_outputs_with_crlf, set_up),
        cmocka_unit_test_setup(test_raw_bytes_stay_as_they_are, set_up),
        cmocka_unit_test_setup(test_a_terminal_is_reset, set_up),
        cmocka_unit_test_setup(test_the_reset_leaves_nothing_on_the_screen, set_up),
        cmocka_unit_test_setup(test_colour_only_where_it_is_wanted, set_up),
        cmocka_unit_test_setup(test_slow_output_does_not_hold_the_fast_one, set_up),
        cmocka_unit_test_setup(test_long_text_waits_for_room, set_up),
        cmocka_unit_test_setup(test_guests_get_a_part_of_the_ring, set_up),
        cmocka_unit_test_setup(test_long_text_offers_to_rest, set_up),
        cmocka_unit_test_setup(test_guests_run_while_text_waits_for_room, set_up),
        cmocka_unit_test_setup(test_a_call_of_pump_moves_a_bounded_amount, set_up),
        cmocka_unit_test_setup(test_a_little_room_is_no_reason_to_pump, set_up),
        cmocka_unit_test_setup(test_dead_output_is_left_behind, set_up),
        cmocka_unit_test_setup(test_positions_wrap, set_up),
        cmocka_unit_test_setup(test_late_output_shows_only_what_comes, set_up),
        cmocka_unit_test_setup(test_no_output_never_waits, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
