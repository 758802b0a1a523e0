// SPDX-License-Identifier: MIT
// Tests of `console NAME`: raw in both directions, and the way back.
#include "vmm/monitor/monitor_attach.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/vm/vm_life.h"

#define DETACH "\x1d"
#define RESET "<reset>" // stands for what console_reset_terminal writes
#define LOST "web has ended; this is Husk's monitor: press Enter for its prompt\r\n"
#define MISSED_LINE "husk: 1 line of the log while you were away: log\r\n"
#define PROMPT "\rhusk> \x1b[K"

static struct vm *web;
static struct vm *ticker;
static struct console reset_console;
static struct fake_output reset_output;

static int set_up(void **state)
{
    (void)state;
    fixture_init();
    web = fixture.web;
    ticker = fixture.ticker;
    console_init(&reset_console, fixture.console.machine);
    fake_output_init(&reset_output);
    console_add(&reset_console, &reset_output.output);
    console_reset_terminal(&reset_console);
    console_flush(&reset_console);
    fixture_run("console web");
    assert_ptr_equal(fixture.monitor.attached, web);
    fake_output_clear(&fixture.serial);
    return 0;
}

// What the console showed, with RESET for the sequences that reset a terminal.
static const char *shown(void)
{
    static char text[FAKE_OUTPUT_BYTES];
    const char *reset = strstr(fixture.serial.text, reset_output.text);
    if (!reset) {
        return fixture.serial.text;
    }
    snprintf(text, sizeof(text), "%.*s" RESET "%s", (int)(reset - fixture.serial.text),
             fixture.serial.text, reset + reset_output.length);
    return text;
}

static void assert_shown(const char *text)
{
    fixture_poll();
    assert_string_equal(shown(), text);
    fake_output_clear(&fixture.serial);
}

static void assert_read(struct vm *vm, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        assert_int_equal(terminal_get(&vm->terminal), (uint8_t)*bytes);
    }
    assert_int_equal(terminal_get(&vm->terminal), -1);
}

static void test_attaching_says_how_to_return(void **state)
{
    (void)state;
    fixture_type(DETACH);
    fixture_poll();
    assert_string_equal(fixture_run("console ticker"),
                        "console ticker\r\nconsole: connected to ticker; Ctrl-] returns\r\n");
}

static void test_output_is_raw(void **state)
{
    (void)state;
    fixture_send(web, "\x1b[31mred\x1b[m\n\x07\xff partial");
    assert_shown("\x1b[31mred\x1b[m\n\x07\xff partial");
}

static void test_zero_bytes_pass(void **state)
{
    (void)state;
    assert_true(web->pc_output.put_byte(&web->pc_output, 0));
    fixture_poll();
    assert_int_equal(fixture.serial.length, 1);
}

static void test_input_is_raw_and_wakes_the_guest(void **state)
{
    (void)state;
    fake_machine_sleep(web, 0, WAKE_ALWAYS);
    fixture_type("ls\r\x03\x1b[A\t\xff");
    assert_shown("");
    assert_read(web, "ls\r\x03\x1b[A\t\xff");
    assert_true(fake_machine_woken(web, 0));
}

static void test_detach_comes_back_to_the_prompt(void **state)
{
    (void)state;
    fixture_type("a" DETACH "version\r");
    fixture_poll();
    assert_null(fixture.monitor.attached);
    assert_read(web, "a");
    assert_string_equal(shown(),
                        RESET "\r\nconsole: web goes on; 'console' comes back to it\r\n" PROMPT
                              "version\r\nHusk test\r\n" PROMPT);
}

static void test_missed_lines_are_told(void **state)
{
    (void)state;
    fixture_send(ticker, "tick 1\ntick 2\n");
    fixture_log("something");
    assert_shown("");
    fixture_type(DETACH);
    assert_shown(RESET "\r\nconsole: web goes on; 'console' comes back to it\r\n"
                       "[ticker] 2 lines while you were away: log ticker\r\n"
                       "husk: 1 line of the log while you were away: log\r\n" PROMPT);
    assert_non_null(strstr(fixture_run("log ticker"), "| tick 1\r\n| tick 2\r\n"));
    // Told once.
    fixture_run("console web");
    fake_output_clear(&fixture.serial);
    fixture_type(DETACH);
    fixture_poll();
    assert_null(strstr(fixture.serial.text, "away"));
}

static void test_others_are_not_held_while_away(void **state)
{
    (void)state;
    fixture.serial.room_left = 0; // even if the terminal takes nothing
    for (unsigned i = 0; i < 5; i++) {
        fixture_fill(ticker, 'x');
        for (unsigned turn = 0; turn < 10; turn++) {
            monitor_poll(&fixture.monitor);
        }
        assert_false(terminal_has_output(&ticker->terminal));
    }
}

static void test_slow_terminal_holds_the_guest(void **state)
{
    (void)state;
    fixture.serial.room_left = 0;
    fixture_fill(web, 'x');
    for (unsigned turn = 0; turn < 20; turn++) {
        monitor_poll(&fixture.monitor);
    }
    assert_true(terminal_has_output(&web->terminal));
    fixture.serial.room_left = SIZE_MAX;
    fixture_poll();
    assert_int_equal(fixture.serial.length, TERMINAL_OUTPUT_BYTES);
}

static void test_history_is_replayed(void **state)
{
    (void)state;
    fixture_type(DETACH);
    fixture_send(web, "GRUB\r\ngrub> ");
    fixture_poll();
    const char *shown = fixture_run("console web");
    assert_non_null(strstr(shown, "Ctrl-] returns\r\nGRUB\r\ngrub> "));
    fake_output_clear(&fixture.serial);
    fixture_send(web, "ls\r\n");
    assert_shown("ls\r\n");
}

static void test_replay_starts_with_a_whole_line(void **state)
{
    (void)state;
    fixture_type(DETACH);
    for (unsigned i = 0; i < 500; i++) {
        fixture_send(web, "0123456789\n");
        fixture_poll();
    }
    const char *shown = fixture_run("console web");
    const char *replayed = strstr(shown, "returns\r\n") + 9;
    assert_int_equal(strncmp(replayed, "0123456789\n", 11), 0);
    assert_in_range(strlen(replayed), 2000, 2048);
}

static void test_replay_of_one_endless_line(void **state)
{
    (void)state;
    fixture_type(DETACH);
    for (unsigned i = 0; i < 4000; i++) {
        fixture_send(web, "x");
    }
    fixture_poll();
    const char *shown = fixture_run("console web");
    assert_int_equal(strlen(strstr(shown, "returns\r\n") + 9), 2048);
}

// Reads what has become of the guest, and then wants the prompt.
static void press_enter(void)
{
    fixture_type(" ");
    fixture_poll();
    fake_host.now_ns += 300000000;
    fixture_type("\r");
    fixture_poll();
    fake_output_clear(&fixture.serial);
}

static void test_end_of_the_guest_detaches(void **state)
{
    (void)state;
    fixture_send(web, "bye");
    fixture_end(web, "exit status 3");
    assert_shown("bye" RESET "\r\nconsole: web ended: exit status 3\r\n" MISSED_LINE);
    assert_null(fixture.monitor.attached);
}

static void test_the_end_is_told_before_the_machine_goes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 300; i++) {
        fixture_send(web, "line\n");
    }
    fixture_end(web, "exit status 3");
    monitor_finish(&fixture.monitor);
    assert_non_null(strstr(shown(), "line\n" RESET "\r\nconsole: web ended: exit"));
    assert_int_equal(console_backlog(&fixture.console), 0);
}

static void test_failure_and_stop_detach(void **state)
{
    (void)state;
    struct reason why;
    fixture_fail(web, "triple fault");
    assert_shown(RESET "\r\nconsole: web stopped: triple fault\r\n" MISSED_LINE);
    press_enter();
    fixture_run("console ticker");
    fake_output_clear(&fixture.serial);
    assert_int_equal(vm_stop(ticker, &why), STATUS_OK);
    assert_shown(RESET "\r\nconsole: ticker was stopped\r\n");
}

// Typed at a shell that has just ended, a command would be one of the monitor's.
static void test_input_for_a_guest_that_has_ended_is_dropped(void **state)
{
    (void)state;
    fixture_end(web, "powered off");
    fixture_type("poweroff\r");
    assert_shown(RESET "\r\nconsole: web ended: powered off\r\n" MISSED_LINE LOST);
    fake_host.now_ns += 299999999; // too soon for somebody who has read that
    fixture_type("\rpoweroff\r");
    assert_shown("");
    fake_host.now_ns += 300000000;
    fixture_type("poweroff\r");
    assert_shown("");
    assert_int_equal(fixture.leaves, 0);
    fake_host.now_ns += 300000000;
    fixture_type("\r");
    assert_shown(PROMPT);
    assert_non_null(strstr(fixture_run("version"), "Husk test\r\n"));
}

static void test_lines_and_the_log_are_shown_after_a_guests_end(void **state)
{
    (void)state;
    fixture_end(web, "done");
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture_send(ticker, "tick\n");
    fixture_log("something");
    assert_shown("something\r\n[ticker] tick\r\n");
    fixture_type("x");
    assert_shown(LOST);
}

// The terminal's answers to what the guest has asked come when the user has left.
static void test_answers_to_a_guest_are_not_input(void **state)
{
    (void)state;
    fixture_type(DETACH "\x1b[?62;1c\x1b[24;80R\x1b]lpoweroff\rpoweroff\r\x1b\\"
                        "\x1bP1$rpoweroff\r\x1b\\\x1b]11;rgb:0000/0000/0000\x07"
                        "\x9b?62;1c\x9dlpoweroff\r\x9c\x1b[I\x1b[<0;1;2M\x1b[M !\"");
    assert_shown(RESET "\r\nconsole: web goes on; 'console' comes back to it\r\n" PROMPT);
    assert_int_equal(fixture.monitor.editor.length, 0);
    assert_non_null(strstr(fixture_run("version"), "Husk test\r\n"));
}

static void test_restart_keeps_the_terminal(void **state)
{
    (void)state;
    web->config.restart = RESTART_ALWAYS;
    fixture_end(web, "done");
    assert_shown("");
    fake_host.now_ns = web->restart_at_ns;
    assert_true(fake_machine_step(0, NULL));
    fake_machine_finish(web);
    assert_int_equal(web->starts, 2);
    assert_shown("");
    assert_ptr_equal(fixture.monitor.attached, web);
    web->config.restart = RESTART_NEVER;
    fixture_end(web, "done");
    fixture_poll();
    assert_null(fixture.monitor.attached);
}

static void test_not_to_a_vm_that_is_off(void **state)
{
    (void)state;
    fixture_type(DETACH);
    assert_non_null(strstr(fixture_run("console spare"),
                           "console: spare was not started; 'log spare' shows what it sent\r\n"));
    assert_null(fixture.monitor.attached);
}

static void fill_input(void)
{
    while (terminal_type(&web->terminal, 'x')) {
    }
}

static void test_input_waits_for_a_busy_guest(void **state)
{
    (void)state;
    fill_input();
    fixture_type("abc");
    assert_shown("");
    fake_host.now_ns += 999999999;
    assert_int_equal(monitor_poll(&fixture.monitor), fake_host.now_ns + 10000000);
    for (unsigned i = 0; i < TERMINAL_INPUT_BYTES; i++) {
        assert_int_equal(terminal_get(&web->terminal), 'x');
    }
    assert_shown("");
    assert_read(web, "abc");
}

static void test_input_is_dropped_aloud(void **state)
{
    (void)state;
    fill_input();
    fixture_type("abc");
    fixture_poll();
    fake_host.now_ns += 1000000000;
    assert_shown("\r\nconsole: web does not read its input; what is typed is dropped\r\n");
    fixture_type("de");
    assert_shown("");
    for (unsigned i = 0; i < TERMINAL_INPUT_BYTES; i++) {
        assert_int_equal(terminal_get(&web->terminal), 'x');
    }
    fixture_type("f");
    assert_shown("\r\nconsole: bytes typed and dropped: 5\r\n");
    assert_read(web, "f");
}

static void test_detach_works_on_a_deaf_guest(void **state)
{
    (void)state;
    fill_input();
    fixture_type("a" DETACH);
    fixture_poll();
    fake_host.now_ns += 1000000000;
    fixture_poll();
    assert_null(fixture.monitor.attached);
    assert_non_null(strstr(fixture.serial.text, "console: bytes typed and dropped: 1\r\n"));
}

static void test_focus_before_the_first_prompt(void **state)
{
    (void)state;
    fixture_free();
    fixture_init();
    web = fixture.web;
    monitor_attach(&fixture.monitor, web, VM_LINE_UART);
    fixture_send(web, "raw\n");
    assert_shown("console: connected to web; Ctrl-] returns\r\nraw\n");
}

static void test_lines_after_coming_back_are_whole(void **state)
{
    (void)state;
    fixture_send(web, "half a li");
    fixture_poll();
    fixture_type(DETACH);
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture_send(web, "ne\nnext\n");
    assert_shown("\r\x1b[K[web] ne\r\n[web] next\r\n" PROMPT);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_attaching_says_how_to_return),
        TEST(test_output_is_raw),
        TEST(test_zero_bytes_pass),
        TEST(test_input_is_raw_and_wakes_the_guest),
        TEST(test_detach_comes_back_to_the_prompt),
        TEST(test_missed_lines_are_told),
        TEST(test_others_are_not_held_while_away),
        TEST(test_slow_terminal_holds_the_guest),
        TEST(test_history_is_replayed),
        TEST(test_replay_starts_with_a_whole_line),
        TEST(test_replay_of_one_endless_line),
        TEST(test_end_of_the_guest_detaches),
        TEST(test_the_end_is_told_before_the_machine_goes),
        TEST(test_failure_and_stop_detach),
        TEST(test_input_for_a_guest_that_has_ended_is_dropped),
        TEST(test_lines_and_the_log_are_shown_after_a_guests_end),
        TEST(test_answers_to_a_guest_are_not_input),
        TEST(test_restart_keeps_the_terminal),
        TEST(test_not_to_a_vm_that_is_off),
        TEST(test_input_waits_for_a_busy_guest),
        TEST(test_input_is_dropped_aloud),
        TEST(test_detach_works_on_a_deaf_guest),
        TEST(test_focus_before_the_first_prompt),
        TEST(test_lines_after_coming_back_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
