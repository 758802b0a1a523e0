// SPDX-License-Identifier: MIT
// Tests of the monitor's turn: prompt, guests' lines, the log, and everybody's share.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/devices/device.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/monitor/monitor_prompt.h"

#define PROMPT "\rhusk> \x1b[K"
#define HIDE "\r\x1b[K"

static struct vm *web;
static struct vm *ticker;

static int set_up(void **state)
{
    (void)state;
    fixture_init();
    web = fixture.web;
    ticker = fixture.ticker;
    return 0;
}

// After the first poll and with nothing shown yet.
static int set_up_quiet(void **state)
{
    set_up(state);
    fixture_poll();
    fake_output_clear(&fixture.serial);
    return 0;
}

static void assert_shown(const char *text)
{
    fixture_poll();
    assert_string_equal(fixture.serial.text, text);
    fake_output_clear(&fixture.serial);
}

static void test_prompt_comes_with_the_first_poll(void **state)
{
    (void)state;
    assert_int_equal(fixture.serial.length, 0);
    assert_shown(PROMPT);
    assert_shown("");
}

static void test_lines_have_the_name_in_front(void **state)
{
    (void)state;
    fixture_send(ticker, "tick 1\r\n");
    assert_shown(HIDE "[ticker] tick 1\r\n" PROMPT);
    fixture_send(web, "a\n\nb\n");
    assert_shown(HIDE "[web] a\r\n[web]\r\n[web] b\r\n" PROMPT);
    fixture_send(web, "10 %\r20 %\n"); // a line that is written over
    assert_shown(HIDE "[web] 10 %\r\n[web] 20 %\r\n" PROMPT);
}

static void test_name_is_coloured_where_wanted(void **state)
{
    (void)state;
    fixture.serial.output.colour = true;
    fixture_send(web, "a\n");
    assert_shown(HIDE "\x1b[32m[web]\x1b[m a\r\n" PROMPT);
}

static void test_hostile_bytes_are_filtered(void **state)
{
    (void)state;
    fixture_send(web, "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x08\x07\n");
    assert_shown(HIDE "[web] red\r\n" PROMPT);
}

static void test_edited_line_comes_back_after_output(void **state)
{
    (void)state;
    fixture_type("vm\x1b[D");
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture_send(web, "x\n");
    assert_shown(HIDE "[web] x\r\n\rhusk> vm\x1b[K\b");
}

// No row of the text is so long that the terminal wraps it, and each begins with the mark.
static void assert_rows_have_a_mark(const char *text, unsigned columns, const char *mark)
{
    const char *row = text;
    for (; *row != '\0'; row += strcspn(row, "\n") + 1) {
        assert_true(strcspn(row, "\r") < columns);
        assert_int_equal(strncmp(row, mark, strlen(mark)), 0);
    }
}

static void test_long_lines_go_on_behind_the_name(void **state)
{
    (void)state;
    char sent[300];
    memset(sent, ' ', sizeof(sent));
    strcpy(sent + 73, "[ 1234.567890] [ticker] stopped: triple fault\n");
    fixture_send(web, sent);
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text,
                           " \r\n[web]+[ 1234.567890] [ticker] stopped: triple fault\r\n" PROMPT));
    assert_int_equal(strcspn(strstr(fixture.serial.text, "[web] "), "\r"), 79);

    fake_output_clear(&fixture.serial);
    memset(sent, 'x', 73);
    strcpy(sent + 73, "\n");
    fixture_send(web, sent);
    fixture_poll();
    assert_null(strchr(fixture.serial.text, '+'));
}

static void test_tabs_take_their_columns(void **state)
{
    (void)state;
    fixture_send(web, "a\tb\n\t\t\t\t\t\t\t\t\t\thusk> \n");
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "[web] a       b\r\n"));
    assert_non_null(strstr(fixture.serial.text, " \r\n[web]+husk> \r\n"));
}

// The narrowest output counts, and the longest name that a VM can have.
static void test_a_narrow_output_cuts_shorter(void **state)
{
    (void)state;
    struct vm *vm = fixture_add("fifteen-letters", 1, BIT(0));
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture.serial.output.columns = 40;
    for (unsigned i = 0; i < 300; i++) { // as much as one turn shows
        fixture_send(vm, "x");
    }
    fixture_send(vm, "\n");
    fixture_poll();
    const char *rows = strstr(fixture.serial.text, "[fifteen-letters] ");
    fixture.serial.text[strlen(fixture.serial.text) - strlen(PROMPT)] = '\0';
    assert_rows_have_a_mark(rows, 40, "[fifteen-letters]");
    fake_output_clear(&fixture.serial);
    fixture.serial.output.columns = 2; // no name fits: a character at a time
    fixture_send(web, "ab\n");
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "[web] a\r\n[web]+b\r\n"));
}

static void test_unfinished_line_is_shown_after_silence(void **state)
{
    (void)state;
    fixture_send(web, "login: ");
    assert_shown("");
    uint64_t silent_ns = fake_host.now_ns + 500000000;
    fake_host.now_ns += 1000000; // up to here the VM may send without waking CPU 0
    assert_int_equal(monitor_poll(&fixture.monitor), silent_ns);
    fake_host.now_ns = silent_ns - 1;
    assert_shown("");
    fake_host.now_ns += 1;
    assert_shown(HIDE "[web] login: \r\n" PROMPT);
    assert_int_equal(monitor_poll(&fixture.monitor), NEVER_NS);
    // The end of that line shows no empty one.
    fixture_send(web, "\r\n");
    assert_shown("");
    fixture_send(web, "\r\n");
    assert_shown(HIDE "[web]\r\n" PROMPT);
}

// The VM wakes CPU 0 once in a while only: what it sends in between is found all the same.
static void test_output_after_a_kick_is_looked_for(void **state)
{
    (void)state;
    uint64_t look_ns = fake_host.now_ns + 1000000;
    fixture_send(web, "a\n");
    assert_int_equal(fake_host.kicks[0], 1);
    assert_int_equal(monitor_poll(&fixture.monitor), look_ns);
    fake_host.now_ns = look_ns - 1;
    fixture_send(web, "b\n");
    assert_int_equal(fake_host.kicks[0], 1);
    fixture_type("x"); // a turn for another reason
    assert_int_equal(monitor_poll(&fixture.monitor), fake_host.now_ns + 1000000);
    fake_host.now_ns += 1000000;
    assert_int_equal(monitor_poll(&fixture.monitor), NEVER_NS);
    fixture_send(web, "c\n");
    assert_int_equal(fake_host.kicks[0], 2);
}

static void test_what_makes_a_turn_wanted(void **state)
{
    (void)state;
    const struct monitor *monitor = &fixture.monitor;
    assert_false(monitor_is_wanted(monitor));
    fixture_type("x");
    assert_true(monitor_is_wanted(monitor));
    fixture_poll();
    fixture_log("line");
    assert_true(monitor_is_wanted(monitor));
    fixture_poll();
    fixture_send(web, "a");
    assert_true(monitor_is_wanted(monitor));
    fixture_poll();
    assert_false(monitor_is_wanted(monitor));
    // An output that takes nothing is no reason, and what waits for it is none.
    fixture.serial.room_left = 0;
    fixture_fill(web, '\n');
    fixture_poll();
    assert_false(monitor_is_wanted(monitor));
    assert_true(terminal_has_output(&web->terminal));
    fixture.serial.room_left = SIZE_MAX;
    assert_true(monitor_is_wanted(monitor));
}

static void test_unfinished_line_is_shown_at_the_end(void **state)
{
    (void)state;
    fixture_send(web, "last words");
    fixture_poll();
    fixture_end(web, "done");
    assert_shown(HIDE "[web] last words\r\n[web] ended: done\r\n" PROMPT);
}

static void test_log_lines(void **state)
{
    (void)state;
    fixture_log("one");
    fixture_log("two");
    assert_shown(HIDE "one\r\ntwo\r\n" PROMPT);
    assert_shown("");
}

static void test_log_from_before_is_not_shown_again(void **state)
{
    (void)state;
    fixture_log("early");
    monitor_init(&fixture.monitor, &fake_machine.vmm, &fixture.console, &fixture.machine,
                 fixture.monitor.read_byte);
    fixture_log("late");
    assert_shown("late\r\n" PROMPT);
}

static void test_last_words_come_before_the_log(void **state)
{
    (void)state;
    fixture_send(web, "bye\nunfinished");
    fixture_end(web, "done");
    fixture_send(ticker, "tick\n");
    assert_shown(HIDE "[web] bye\r\n[web] unfinished\r\n[web] ended: done\r\n"
                      "[ticker] tick\r\n" PROMPT);
}

// Between the log's line and the state, a vCPU may be on its way.
static void test_last_words_come_before_the_log_of_a_vm_that_is_ending(void **state)
{
    (void)state;
    fixture_send(web, "bye\nunfinished");
    web->ending = true;
    fixture_log("web ended");
    assert_shown(HIDE "[web] bye\r\n[web] unfinished\r\nweb ended\r\n" PROMPT);
}

static void test_last_words_come_first_on_a_slow_line(void **state)
{
    (void)state;
    const char *log_line;
    const char *last_words;
    for (unsigned i = 0; i < 500; i++) {
        fixture_send(web, "line\n");
    }
    fixture_send(web, "bye\n");
    fixture_end(web, "done");
    fixture.serial.room = 16;
    for (unsigned i = 0; i < 10000; i++) {
        fixture.serial.room_left = 16;
        monitor_poll(&fixture.monitor);
    }
    log_line = strstr(fixture.serial.text, "[web] ended: done");
    last_words = strstr(fixture.serial.text, "[web] bye");
    assert_non_null(last_words);
    assert_true(last_words < log_line);
}

static void test_print_keeps_the_prompt_below(void **state)
{
    (void)state;
    monitor_print(&fixture.monitor, "note");
    assert_shown(HIDE "note\r\n" PROMPT);
}

static void test_chatty_guest_does_not_starve_others(void **state)
{
    (void)state;
    struct vm *others[] = {ticker, fixture_add("a", 1, BIT(0)), fixture_add("b", 1, BIT(0))};
    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        fixture_send(others[i], "alive\n");
    }
    for (unsigned turn = 0; turn < 200; turn++) {
        fixture_fill(web, turn % 2 == 0 ? '\n' : 'x');
        fixture.serial.room_left = 300; // all that the line carries in a turn
        monitor_poll(&fixture.monitor);
    }
    assert_non_null(strstr(fixture.serial.text, "[web]"));
    assert_non_null(strstr(fixture.serial.text, "[ticker] alive"));
    assert_non_null(strstr(fixture.serial.text, "[a] alive"));
    assert_non_null(strstr(fixture.serial.text, "[b] alive"));
}

static void test_two_chatty_guests_share_the_line(void **state)
{
    (void)state;
    unsigned lines[2] = {0};
    for (unsigned turn = 0; turn < 300; turn++) {
        for (unsigned i = 0; i < 2; i++) {
            fixture_fill(fake_machine.vmm.vms[i], (turn + i) % 5 == 0 ? '\n' : 'x');
        }
        fixture.serial.room_left = 300;
        monitor_poll(&fixture.monitor);
    }
    for (const char *at = fixture.serial.text; (at = strchr(at, '[')); at++) {
        lines[0] += strncmp(at, "[web]", 5) == 0;
        lines[1] += strncmp(at, "[ticker]", 8) == 0;
    }
    assert_in_range(lines[0], lines[1] / 2, lines[1] * 2);
}

static void test_work_in_one_turn_is_bounded(void **state)
{
    (void)state;
    fixture_fill(web, '.');
    monitor_poll(&fixture.monitor);
    assert_in_range(fixture.serial.length, 400, 700);
    // However many VMs and lines of the log there are, and however few bytes make a line.
    for (unsigned i = 0; i < 50; i++) {
        char name[8];
        snprintf(name, sizeof(name), "vm%u", i);
        fixture_fill(fixture_add(name, 1, BIT(0)), i % 2 ? '\n' : '.');
        fixture_log("a line of the log, with some words in it");
    }
    for (unsigned turn = 0; turn < 100; turn++) {
        fake_output_clear(&fixture.serial);
        monitor_poll(&fixture.monitor);
        assert_in_range(fixture.serial.length, 400, 1500);
    }
    while (monitor_poll(&fixture.monitor) == 0) {
        fake_output_clear(&fixture.serial);
    }
    // With 80 columns a key in the middle of a line draws the rest of the line again.
    fixture_type("0123456789012345678901234567890123456789012345678901234567890123456789\x01");
    fixture_poll();
    fake_output_clear(&fixture.serial);
    for (unsigned i = 0; i < 1000; i++) {
        fixture_type("x");
    }
    unsigned read = fixture.input_read;
    monitor_poll(&fixture.monitor);
    assert_in_range(fixture.input_read - read, 1, 100);
    assert_in_range(fixture.serial.length, 100, 1500);
}

static uint64_t slow_now_ns(void)
{
    return fake_host.now_ns += 200000;
}

// On a slow machine a turn moves less, and in the end nothing is missing.
static void test_time_in_one_turn_is_bounded(void **state)
{
    (void)state;
    unsigned turns = 0;
    fixture_fill(web, '\n');
    fake_host.host.now_ns = slow_now_ns;
    while (terminal_has_output(&web->terminal)) {
        fake_output_clear(&fixture.serial);
        monitor_poll(&fixture.monitor);
        assert_in_range(fixture.serial.length, 1, 150);
        turns++;
    }
    assert_true(turns > TERMINAL_OUTPUT_BYTES / 10);
}

static void test_full_console_pushes_back(void **state)
{
    (void)state;
    fixture.serial.room_left = 0;
    fixture_fill(web, '\n');
    for (unsigned i = 0; i < 100; i++) {
        monitor_poll(&fixture.monitor);
    }
    assert_true(console_backlog(&fixture.console) <= CONSOLE_GUEST_CELLS + 100);
    assert_true(terminal_has_output(&web->terminal));
    // The line works again: nothing was lost.
    fixture.serial.room_left = SIZE_MAX;
    fake_output_clear(&fixture.serial);
    fixture_poll();
    unsigned lines = 0;
    for (const char *at = fixture.serial.text; (at = strstr(at, "[web]\r\n")); at++) {
        lines++;
    }
    assert_int_equal(lines, TERMINAL_OUTPUT_BYTES);
}

static void test_full_terminal_wakes_its_guest(void **state)
{
    (void)state;
    fixture_fill(ticker, '\n');
    fake_machine_sleep(ticker, 0, WAKE_ALWAYS);
    assert_int_equal(fake_host.kicks[1], 0);
    monitor_poll(&fixture.monitor);
    assert_int_equal(fake_host.kicks[1], 1);
    fixture_poll();
    assert_int_equal(fake_host.kicks[1], 1);
}

// The guest filled the ring while CPU 0 was emptying it: its byte waits although there is room now.
static void test_a_refused_byte_wakes_its_guest_though_there_is_room(void **state)
{
    (void)state;
    fixture_fill(ticker, '\n');
    assert_int_equal(terminal_take(&ticker->terminal), '\n');
    fake_machine_sleep(ticker, 0, WAKE_ALWAYS);
    monitor_poll(&fixture.monitor);
    assert_int_equal(fake_host.kicks[1], 1);
}

static void test_typing_is_echoed_in_spite_of_a_chatty_guest(void **state)
{
    (void)state;
    const char *echo;
    fixture.serial.room_left = 0;
    for (unsigned i = 0; i < 100; i++) {
        fixture_fill(web, i % 9 == 0 ? '\n' : 'x');
        monitor_poll(&fixture.monitor);
    }
    fixture_type("Z");
    monitor_poll(&fixture.monitor);
    fixture.serial.room_left = CONSOLE_GUEST_CELLS + 200;
    monitor_poll(&fixture.monitor);
    echo = strchr(fixture.serial.text, 'Z');
    assert_non_null(echo);
}

static void test_pasted_lines_all_run(void **state)
{
    (void)state;
    fixture_type("version\r\nversion\nversion\rnonsense\r\n");
    fixture_poll();
    const char *at = fixture.serial.text;
    for (unsigned i = 0; i < 3; i++) {
        at = strstr(at, "Husk test\r\n");
        assert_non_null(at);
        at++;
    }
    assert_non_null(strstr(at, "no command 'nonsense'"));
    assert_int_equal(fixture.input_read, fixture.input_length);
}

static void test_when_to_be_called_again(void **state)
{
    (void)state;
    assert_int_equal(monitor_poll(&fixture.monitor), NEVER_NS);
    fixture.serial.room_left = 0;
    fixture_log("waits");
    assert_int_equal(monitor_poll(&fixture.monitor), fake_host.now_ns + 10000000);
}

static void test_no_vms_no_log(void **state)
{
    (void)state;
    fake_machine_free();
    fixture.machine.log_next = NULL;
    fixture.machine.log_end = NULL;
    monitor_init(&fixture.monitor, &fake_machine.vmm, &fixture.console, &fixture.machine,
                 fixture.monitor.read_byte);
    assert_int_equal(monitor_poll(&fixture.monitor), NEVER_NS);
    assert_string_equal(fixture.serial.text, PROMPT);
}

static void test_flush_shows_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        fixture_send(web, "line\n");
        fixture_send(ticker, "tick\n");
    }
    fixture_send(web, "end");
    fixture_end(web, "done");
    fixture_end(ticker, "done");
    fixture_log("all ended");
    fixture.serial.room = 8;
    monitor_flush(&fixture.monitor);
    assert_false(terminal_has_output(&web->terminal));
    assert_false(terminal_has_output(&ticker->terminal));
    assert_non_null(strstr(fixture.serial.text, "[web] end\r\n"));
    assert_non_null(strstr(fixture.serial.text, "all ended\r\n"));
    assert_int_equal(console_backlog(&fixture.console), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)
#define QUIET(test) cmocka_unit_test_setup_teardown(test, set_up_quiet, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_prompt_comes_with_the_first_poll),
        QUIET(test_lines_have_the_name_in_front),
        QUIET(test_output_after_a_kick_is_looked_for),
        QUIET(test_what_makes_a_turn_wanted),
        QUIET(test_name_is_coloured_where_wanted),
        QUIET(test_hostile_bytes_are_filtered),
        QUIET(test_edited_line_comes_back_after_output),
        QUIET(test_long_lines_go_on_behind_the_name),
        QUIET(test_tabs_take_their_columns),
        QUIET(test_a_narrow_output_cuts_shorter),
        QUIET(test_unfinished_line_is_shown_after_silence),
        QUIET(test_unfinished_line_is_shown_at_the_end),
        QUIET(test_log_lines),
        TEST(test_log_from_before_is_not_shown_again),
        QUIET(test_last_words_come_before_the_log),
        QUIET(test_last_words_come_before_the_log_of_a_vm_that_is_ending),
        QUIET(test_last_words_come_first_on_a_slow_line),
        QUIET(test_print_keeps_the_prompt_below),
        QUIET(test_chatty_guest_does_not_starve_others),
        QUIET(test_two_chatty_guests_share_the_line),
        QUIET(test_work_in_one_turn_is_bounded),
        QUIET(test_time_in_one_turn_is_bounded),
        QUIET(test_full_console_pushes_back),
        QUIET(test_full_terminal_wakes_its_guest),
        QUIET(test_a_refused_byte_wakes_its_guest_though_there_is_room),
        QUIET(test_typing_is_echoed_in_spite_of_a_chatty_guest),
        QUIET(test_pasted_lines_all_run),
        QUIET(test_when_to_be_called_again),
        TEST(test_no_vms_no_log),
        QUIET(test_flush_shows_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
