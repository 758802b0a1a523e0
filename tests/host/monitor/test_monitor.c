// SPDX-License-Identifier: MIT
// Tests of the monitor's turn: prompt, guests' lines, the log, and everybody's share.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/fake_world.h"
#include "vmm/devices/device.h"

#define PROMPT "\rhusk> \x1b[K"
#define HIDE "\r\x1b[K"

static struct vm *web;
static struct vm *ticker;

static int set_up(void **state)
{
    (void)state;
    fake_world_init();
    web = &world.vms[0];
    ticker = &world.vms[1];
    return 0;
}

// After the first poll and with nothing shown yet.
static int set_up_quiet(void **state)
{
    set_up(state);
    fake_world_poll();
    fake_output_clear(&world.serial);
    return 0;
}

static void assert_shown(const char *text)
{
    fake_world_poll();
    assert_string_equal(world.serial.text, text);
    fake_output_clear(&world.serial);
}

static void test_prompt_comes_with_the_first_poll(void **state)
{
    (void)state;
    assert_int_equal(world.serial.length, 0);
    assert_shown(PROMPT);
    assert_shown("");
}

static void test_lines_have_the_name_in_front(void **state)
{
    (void)state;
    fake_world_send(ticker, "tick 1\r\n");
    assert_shown(HIDE "[ticker] tick 1\r\n" PROMPT);
    fake_world_send(web, "a\n\nb\n");
    assert_shown(HIDE "[web] a\r\n[web]\r\n[web] b\r\n" PROMPT);
}

static void test_name_is_coloured_where_wanted(void **state)
{
    (void)state;
    world.serial.output.colour = true;
    fake_world_send(web, "a\n");
    assert_shown(HIDE "\x1b[32m[web]\x1b[m a\r\n" PROMPT);
}

static void test_hostile_bytes_are_filtered(void **state)
{
    (void)state;
    fake_world_send(web, "\x1b[2J\x1b]0;owned\x07\x1b[31mred\x08\x07\n");
    assert_shown(HIDE "[web] red\r\n" PROMPT);
}

static void test_edited_line_comes_back_after_output(void **state)
{
    (void)state;
    fake_world_type("vm\x1b[D");
    fake_world_poll();
    fake_output_clear(&world.serial);
    fake_world_send(web, "x\n");
    assert_shown(HIDE "[web] x\r\n\rhusk> vm\x1b[K\b");
}

static void test_long_lines_are_broken_with_a_mark(void **state)
{
    (void)state;
    char expected[600] = HIDE "[web] ";

    for (unsigned i = 0; i < MONITOR_LINE_BYTES + 1; i++) {
        fake_world_send(web, "x");
    }
    fake_world_send(web, "\n");
    memset(expected + strlen(expected), 'x', MONITOR_LINE_BYTES);
    strcat(expected, "\\\r\n[web] x\r\n" PROMPT);
    assert_shown(expected);

    for (unsigned i = 0; i < MONITOR_LINE_BYTES; i++) {
        fake_world_send(web, "x");
    }
    fake_world_send(web, "\n");
    fake_world_poll();
    assert_null(strchr(world.serial.text, '\\'));
}

static void test_unfinished_line_is_shown_after_silence(void **state)
{
    (void)state;
    fake_world_send(web, "login: ");
    assert_shown("");
    assert_int_equal(monitor_poll(&world.monitor), world.now_ns + 500000000);
    world.now_ns += 499999999;
    assert_shown("");
    world.now_ns += 1;
    assert_shown(HIDE "[web] login: \r\n" PROMPT);
    assert_int_equal(monitor_poll(&world.monitor), NEVER_NS);
    // The end of that line shows no empty one.
    fake_world_send(web, "\r\n");
    assert_shown("");
    fake_world_send(web, "\r\n");
    assert_shown(HIDE "[web]\r\n" PROMPT);
}

// The VM wakes CPU 0 once in a while only: what it sends in between is found all the same.
static void test_output_after_a_kick_is_looked_for(void **state)
{
    (void)state;
    web->terminal.woke_ns = world.now_ns - 1;
    assert_int_equal(monitor_poll(&world.monitor), web->terminal.woke_ns + 1000000);
    world.now_ns += 999999;
    assert_int_equal(monitor_poll(&world.monitor), NEVER_NS);
}

static void test_unfinished_line_is_shown_at_the_end(void **state)
{
    (void)state;
    fake_world_send(web, "last words");
    fake_world_poll();
    web->state = VM_ENDED;
    assert_shown(HIDE "[web] last words\r\n" PROMPT);
}

static void test_log_lines(void **state)
{
    (void)state;
    fake_world_log("one");
    fake_world_log("two");
    assert_shown(HIDE "one\r\ntwo\r\n" PROMPT);
    assert_shown("");
}

static void test_log_from_before_is_not_shown_again(void **state)
{
    (void)state;
    fake_world_log("early");
    monitor_init(&world.monitor, &world.vmm, &world.console, &world.machine,
                 world.monitor.read_byte);
    fake_world_log("late");
    assert_shown("late\r\n" PROMPT);
}

static void test_last_words_come_before_the_log(void **state)
{
    (void)state;
    fake_world_send(web, "bye\nunfinished");
    web->state = VM_ENDED;
    fake_world_log("web ended");
    fake_world_send(ticker, "tick\n");
    assert_shown(HIDE "[web] bye\r\n[web] unfinished\r\nweb ended\r\n[ticker] tick\r\n" PROMPT);
}

// Between the log's line and the state, a vCPU may be on its way.
static void test_last_words_come_before_the_log_of_a_vm_that_is_ending(void **state)
{
    (void)state;
    fake_world_send(web, "bye\nunfinished");
    web->ending = true;
    fake_world_log("web ended");
    assert_shown(HIDE "[web] bye\r\n[web] unfinished\r\nweb ended\r\n" PROMPT);
}

static void test_last_words_come_first_on_a_slow_line(void **state)
{
    (void)state;
    const char *log_line;
    const char *last_words;

    for (unsigned i = 0; i < 500; i++) {
        fake_world_send(web, "line\n");
    }
    fake_world_send(web, "bye\n");
    web->state = VM_ENDED;
    fake_world_log("web ended");
    world.serial.room = 16;
    for (unsigned i = 0; i < 10000; i++) {
        world.serial.room_left = 16;
        monitor_poll(&world.monitor);
    }
    log_line = strstr(world.serial.text, "web ended");
    last_words = strstr(world.serial.text, "[web] bye");
    assert_non_null(last_words);
    assert_true(last_words < log_line);
}

static void test_print_keeps_the_prompt_below(void **state)
{
    (void)state;
    monitor_print(&world.monitor, "note");
    assert_shown(HIDE "note\r\n" PROMPT);
}

static void test_chatty_guest_does_not_starve_others(void **state)
{
    (void)state;
    struct vm *others[] = {ticker, fake_world_add_vm("a", VM_RUNNING),
                           fake_world_add_vm("b", VM_RUNNING)};

    for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
        fake_world_send(others[i], "alive\n");
    }
    for (unsigned turn = 0; turn < 200; turn++) {
        while (terminal_put(&web->terminal, turn % 2 == 0 ? '\n' : 'x')) {
        }
        world.serial.room_left = 300; // all that the line carries in a turn
        monitor_poll(&world.monitor);
    }
    assert_non_null(strstr(world.serial.text, "[web]"));
    assert_non_null(strstr(world.serial.text, "[ticker] alive"));
    assert_non_null(strstr(world.serial.text, "[a] alive"));
    assert_non_null(strstr(world.serial.text, "[b] alive"));
}

static void test_two_chatty_guests_share_the_line(void **state)
{
    (void)state;
    unsigned lines[2] = {0};

    for (unsigned turn = 0; turn < 300; turn++) {
        for (unsigned i = 0; i < 2; i++) {
            while (terminal_put(&world.vms[i].terminal, (turn + i) % 5 == 0 ? '\n' : 'x')) {
            }
        }
        world.serial.room_left = 300;
        monitor_poll(&world.monitor);
    }
    for (const char *at = world.serial.text; (at = strchr(at, '[')) != NULL; at++) {
        lines[0] += strncmp(at, "[web]", 5) == 0;
        lines[1] += strncmp(at, "[ticker]", 8) == 0;
    }
    assert_in_range(lines[0], lines[1] / 2, lines[1] * 2);
}

static void test_work_in_one_turn_is_bounded(void **state)
{
    (void)state;
    while (terminal_put(&web->terminal, '.')) {
    }
    monitor_poll(&world.monitor);
    assert_in_range(world.serial.length, 400, 700);
    for (unsigned i = 0; i < 1000; i++) {
        fake_world_type("x");
    }
    monitor_poll(&world.monitor);
    assert_in_range(world.input_read, 1, 100);
}

static void test_full_console_pushes_back(void **state)
{
    (void)state;
    world.serial.room_left = 0;
    while (terminal_put(&web->terminal, '\n')) {
    }
    for (unsigned i = 0; i < 100; i++) {
        monitor_poll(&world.monitor);
    }
    assert_true(console_backlog(&world.console) <= CONSOLE_GUEST_CELLS + 100);
    assert_true(terminal_has_output(&web->terminal));
    // The line works again: nothing was lost.
    world.serial.room_left = SIZE_MAX;
    fake_output_clear(&world.serial);
    fake_world_poll();
    unsigned lines = 0;
    for (const char *at = world.serial.text; (at = strstr(at, "[web]\r\n")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, TERMINAL_OUTPUT_BYTES);
}

static void test_full_terminal_wakes_its_guest(void **state)
{
    (void)state;
    while (terminal_put(&web->terminal, '\n')) {
    }
    monitor_poll(&world.monitor);
    assert_int_equal(world.wakes, 1);
    fake_world_poll();
    assert_int_equal(world.wakes, 1);
}

// The guest filled the ring while CPU 0 was emptying it: its byte waits although there is room now.
static void test_a_refused_byte_wakes_its_guest_though_there_is_room(void **state)
{
    (void)state;
    while (terminal_put(&web->terminal, '\n')) {
    }
    assert_int_equal(terminal_take(&web->terminal), '\n');
    monitor_poll(&world.monitor);
    assert_int_equal(world.wakes, 1);
}

static void test_typing_is_echoed_in_spite_of_a_chatty_guest(void **state)
{
    (void)state;
    const char *echo;

    world.serial.room_left = 0;
    for (unsigned i = 0; i < 100; i++) {
        while (terminal_put(&web->terminal, i % 9 == 0 ? '\n' : 'x')) {
        }
        monitor_poll(&world.monitor);
    }
    fake_world_type("Z");
    monitor_poll(&world.monitor);
    world.serial.room_left = CONSOLE_GUEST_CELLS + 200;
    monitor_poll(&world.monitor);
    echo = strchr(world.serial.text, 'Z');
    assert_non_null(echo);
}

static void test_pasted_lines_all_run(void **state)
{
    (void)state;
    fake_world_type("version\r\nversion\nversion\rnonsense\r\n");
    fake_world_poll();
    const char *at = world.serial.text;
    for (unsigned i = 0; i < 3; i++) {
        at = strstr(at, "Husk test\r\n");
        assert_non_null(at);
        at++;
    }
    assert_non_null(strstr(at, "no command 'nonsense'"));
    assert_int_equal(world.input_read, world.input_length);
}

static void test_when_to_be_called_again(void **state)
{
    (void)state;
    assert_int_equal(monitor_poll(&world.monitor), NEVER_NS);
    world.serial.room_left = 0;
    fake_world_log("waits");
    assert_int_equal(monitor_poll(&world.monitor), world.now_ns + 1000000);
}

static void test_no_vms_no_log(void **state)
{
    (void)state;
    world.vmm.vm_count = 0;
    world.machine.log_next = NULL;
    monitor_init(&world.monitor, &world.vmm, &world.console, &world.machine,
                 world.monitor.read_byte);
    assert_int_equal(monitor_poll(&world.monitor), NEVER_NS);
    assert_string_equal(world.serial.text, PROMPT);
}

static void test_flush_shows_everything(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 600; i++) {
        fake_world_send(web, "line\n");
        fake_world_send(ticker, "tick\n");
    }
    fake_world_send(web, "end");
    web->state = VM_ENDED;
    ticker->state = VM_ENDED;
    fake_world_log("all ended");
    world.serial.room = 8;
    monitor_flush(&world.monitor);
    assert_false(terminal_has_output(&web->terminal));
    assert_false(terminal_has_output(&ticker->terminal));
    assert_non_null(strstr(world.serial.text, "[web] end\r\n"));
    assert_non_null(strstr(world.serial.text, "all ended\r\n"));
    assert_int_equal(console_backlog(&world.console), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_prompt_comes_with_the_first_poll, set_up),
        cmocka_unit_test_setup(test_lines_have_the_name_in_front, set_up_quiet),
        cmocka_unit_test_setup(test_output_after_a_kick_is_looked_for, set_up_quiet),
        cmocka_unit_test_setup(test_name_is_coloured_where_wanted, set_up_quiet),
        cmocka_unit_test_setup(test_hostile_bytes_are_filtered, set_up_quiet),
        cmocka_unit_test_setup(test_edited_line_comes_back_after_output, set_up_quiet),
        cmocka_unit_test_setup(test_long_lines_are_broken_with_a_mark, set_up_quiet),
        cmocka_unit_test_setup(test_unfinished_line_is_shown_after_silence, set_up_quiet),
        cmocka_unit_test_setup(test_unfinished_line_is_shown_at_the_end, set_up_quiet),
        cmocka_unit_test_setup(test_log_lines, set_up_quiet),
        cmocka_unit_test_setup(test_log_from_before_is_not_shown_again, set_up),
        cmocka_unit_test_setup(test_last_words_come_before_the_log, set_up_quiet),
        cmocka_unit_test_setup(test_last_words_come_before_the_log_of_a_vm_that_is_ending,
                               set_up_quiet),
        cmocka_unit_test_setup(test_last_words_come_first_on_a_slow_line, set_up_quiet),
        cmocka_unit_test_setup(test_print_keeps_the_prompt_below, set_up_quiet),
        cmocka_unit_test_setup(test_chatty_guest_does_not_starve_others, set_up_quiet),
        cmocka_unit_test_setup(test_two_chatty_guests_share_the_line, set_up_quiet),
        cmocka_unit_test_setup(test_work_in_one_turn_is_bounded, set_up_quiet),
        cmocka_unit_test_setup(test_full_console_pushes_back, set_up_quiet),
        cmocka_unit_test_setup(test_full_terminal_wakes_its_guest, set_up_quiet),
        cmocka_unit_test_setup(test_a_refused_byte_wakes_its_guest_though_there_is_room,
                               set_up_quiet),
        cmocka_unit_test_setup(test_typing_is_echoed_in_spite_of_a_chatty_guest, set_up_quiet),
        cmocka_unit_test_setup(test_pasted_lines_all_run, set_up_quiet),
        cmocka_unit_test_setup(test_when_to_be_called_again, set_up_quiet),
        cmocka_unit_test_setup(test_no_vms_no_log, set_up),
        cmocka_unit_test_setup(test_flush_shows_everything, set_up_quiet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
