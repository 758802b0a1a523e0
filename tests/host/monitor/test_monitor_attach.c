// SPDX-License-Identifier: MIT
// Tests of `console NAME`: raw in both directions, and the way back.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/fake_world.h"

#define DETACH "\x1d"
#define RESET "\x18\x1b[!p"
#define PROMPT "\rhusk> \x1b[K"

static struct vm *web;
static struct vm *ticker;

static int set_up(void **state)
{
    (void)state;
    fake_world_init();
    web = &world.vms[0];
    ticker = &world.vms[1];
    fake_world_run("console web");
    assert_ptr_equal(world.monitor.attached, web);
    fake_output_clear(&world.serial);
    return 0;
}

static void assert_shown(const char *text)
{
    fake_world_poll();
    assert_string_equal(world.serial.text, text);
    fake_output_clear(&world.serial);
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
    fake_world_type(DETACH);
    fake_world_poll();
    assert_string_equal(fake_world_run("console ticker"),
                        "console ticker\r\nconsole: connected to ticker; Ctrl-] returns\r\n");
}

static void test_output_is_raw(void **state)
{
    (void)state;
    fake_world_send(web, "\x1b[31mred\x1b[m\n\x07\xff partial");
    assert_shown("\x1b[31mred\x1b[m\n\x07\xff partial");
}

static void test_zero_bytes_pass(void **state)
{
    (void)state;
    assert_true(terminal_put(&web->terminal, 0));
    fake_world_poll();
    assert_int_equal(world.serial.length, 1);
}

static void test_input_is_raw_and_wakes_the_guest(void **state)
{
    (void)state;
    fake_world_type("ls\r\x03\x1b[A\t\xff");
    assert_shown("");
    assert_read(web, "ls\r\x03\x1b[A\t\xff");
    assert_int_not_equal(world.wakes, 0);
}

static void test_detach_comes_back_to_the_prompt(void **state)
{
    (void)state;
    fake_world_type("a" DETACH "version\r");
    fake_world_poll();
    assert_null(world.monitor.attached);
    assert_read(web, "a");
    assert_string_equal(world.serial.text,
                        RESET "\r\nconsole: web goes on; 'console' comes back to it\r\n" PROMPT
                              "version\r\nHusk test\r\n" PROMPT);
}

static void test_missed_lines_are_told(void **state)
{
    (void)state;
    fake_world_send(ticker, "tick 1\ntick 2\n");
    fake_world_log("something");
    assert_shown("");
    fake_world_type(DETACH);
    assert_shown(RESET "\r\nconsole: web goes on; 'console' comes back to it\r\n"
                       "[ticker] 2 lines while you were away: log ticker\r\n"
                       "husk: 1 line of the log while you were away: log\r\n" PROMPT);
    assert_non_null(strstr(fake_world_run("log ticker"), "tick 1\r\ntick 2\r\n"));
    // Told once.
    fake_world_run("console web");
    fake_output_clear(&world.serial);
    fake_world_type(DETACH);
    fake_world_poll();
    assert_null(strstr(world.serial.text, "away"));
}

static void test_others_are_not_held_while_away(void **state)
{
    (void)state;
    world.serial.room_left = 0; // even if the terminal takes nothing
    for (unsigned i = 0; i < 5; i++) {
        while (terminal_put(&ticker->terminal, 'x')) {
        }
        for (unsigned turn = 0; turn < 10; turn++) {
            monitor_poll(&world.monitor);
        }
        assert_false(terminal_has_output(&ticker->terminal));
    }
}

static void test_slow_terminal_holds_the_guest(void **state)
{
    (void)state;
    world.serial.room_left = 0;
    while (terminal_put(&web->terminal, 'x')) {
    }
    for (unsigned turn = 0; turn < 20; turn++) {
        monitor_poll(&world.monitor);
    }
    assert_true(terminal_has_output(&web->terminal));
    world.serial.room_left = SIZE_MAX;
    fake_world_poll();
    assert_int_equal(world.serial.length, TERMINAL_OUTPUT_BYTES);
}

static void test_history_is_replayed(void **state)
{
    (void)state;
    fake_world_type(DETACH);
    fake_world_send(web, "GRUB\r\ngrub> ");
    fake_world_poll();
    const char *shown = fake_world_run("console web");
    assert_non_null(strstr(shown, "Ctrl-] returns\r\nGRUB\r\ngrub> "));
    fake_output_clear(&world.serial);
    fake_world_send(web, "ls\r\n");
    assert_shown("ls\r\n");
}

static void test_replay_starts_with_a_whole_line(void **state)
{
    (void)state;
    fake_world_type(DETACH);
    for (unsigned i = 0; i < 500; i++) {
        fake_world_send(web, "0123456789\n");
        fake_world_poll();
    }
    const char *shown = fake_world_run("console web");
    const char *replayed = strstr(shown, "returns\r\n") + 9;
    assert_int_equal(strncmp(replayed, "0123456789\n", 11), 0);
    assert_in_range(strlen(replayed), 2000, 2048);
}

static void test_replay_of_one_endless_line(void **state)
{
    (void)state;
    fake_world_type(DETACH);
    for (unsigned i = 0; i < 4000; i++) {
        fake_world_send(web, "x");
    }
    fake_world_poll();
    const char *shown = fake_world_run("console web");
    assert_int_equal(strlen(strstr(shown, "returns\r\n") + 9), 2048);
}

static void test_end_of_the_guest_detaches(void **state)
{
    (void)state;
    fake_world_send(web, "bye");
    web->state = VM_ENDED;
    strcpy(web->ended.text, "exit status 3");
    assert_shown("bye" RESET "\r\nconsole: web ended: exit status 3\r\n" PROMPT);
    assert_null(world.monitor.attached);
}

static void test_failure_and_stop_detach(void **state)
{
    (void)state;
    web->state = VM_ENDED;
    web->failed = true;
    strcpy(web->ended.text, "triple fault");
    assert_shown(RESET "\r\nconsole: web stopped: triple fault\r\n" PROMPT);
    fake_world_run("console ticker");
    fake_output_clear(&world.serial);
    ticker->state = VM_OFF;
    assert_shown(RESET "\r\nconsole: ticker was stopped\r\n" PROMPT);
}

static void test_restart_keeps_the_terminal(void **state)
{
    (void)state;
    web->restart_at_ns = world.now_ns + 1;
    web->state = VM_ENDED;
    assert_shown("");
    web->state = VM_RUNNING;
    assert_ptr_equal(world.monitor.attached, web);
    web->restart_at_ns = NEVER_NS;
    web->state = VM_ENDED;
    fake_world_poll();
    assert_null(world.monitor.attached);
}

static void test_not_to_a_vm_that_is_off(void **state)
{
    (void)state;
    fake_world_type(DETACH);
    assert_non_null(strstr(fake_world_run("console spare"),
                           "console: spare was not started; 'log spare' shows what it sent\r\n"));
    assert_null(world.monitor.attached);
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
    fake_world_type("abc");
    assert_shown("");
    world.now_ns += 999999999;
    assert_int_equal(monitor_poll(&world.monitor), world.now_ns + 1000000);
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
    fake_world_type("abc");
    fake_world_poll();
    world.now_ns += 1000000000;
    assert_shown("\r\nconsole: web does not read its input; what is typed is dropped\r\n");
    fake_world_type("de");
    assert_shown("");
    for (unsigned i = 0; i < TERMINAL_INPUT_BYTES; i++) {
        assert_int_equal(terminal_get(&web->terminal), 'x');
    }
    fake_world_type("f");
    assert_shown("\r\nconsole: bytes typed and dropped: 5\r\n");
    assert_read(web, "f");
}

static void test_detach_works_on_a_deaf_guest(void **state)
{
    (void)state;
    fill_input();
    fake_world_type("a" DETACH);
    fake_world_poll();
    world.now_ns += 1000000000;
    fake_world_poll();
    assert_null(world.monitor.attached);
    assert_non_null(strstr(world.serial.text, "console: bytes typed and dropped: 1\r\n"));
}

static void test_focus_before_the_first_prompt(void **state)
{
    (void)state;
    fake_world_init();
    monitor_attach(&world.monitor, web);
    fake_world_send(web, "raw\n");
    assert_shown("console: connected to web; Ctrl-] returns\r\nraw\n");
}

static void test_lines_after_coming_back_are_whole(void **state)
{
    (void)state;
    fake_world_send(web, "half a li");
    fake_world_poll();
    fake_world_type(DETACH);
    fake_world_poll();
    fake_output_clear(&world.serial);
    fake_world_send(web, "ne\nnext\n");
    assert_shown("\r\x1b[K[web] ne\r\n[web] next\r\n" PROMPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_attaching_says_how_to_return, set_up),
        cmocka_unit_test_setup(test_output_is_raw, set_up),
        cmocka_unit_test_setup(test_zero_bytes_pass, set_up),
        cmocka_unit_test_setup(test_input_is_raw_and_wakes_the_guest, set_up),
        cmocka_unit_test_setup(test_detach_comes_back_to_the_prompt, set_up),
        cmocka_unit_test_setup(test_missed_lines_are_told, set_up),
        cmocka_unit_test_setup(test_others_are_not_held_while_away, set_up),
        cmocka_unit_test_setup(test_slow_terminal_holds_the_guest, set_up),
        cmocka_unit_test_setup(test_history_is_replayed, set_up),
        cmocka_unit_test_setup(test_replay_starts_with_a_whole_line, set_up),
        cmocka_unit_test_setup(test_replay_of_one_endless_line, set_up),
        cmocka_unit_test_setup(test_end_of_the_guest_detaches, set_up),
        cmocka_unit_test_setup(test_failure_and_stop_detach, set_up),
        cmocka_unit_test_setup(test_restart_keeps_the_terminal, set_up),
        cmocka_unit_test_setup(test_not_to_a_vm_that_is_off, set_up),
        cmocka_unit_test_setup(test_input_waits_for_a_busy_guest, set_up),
        cmocka_unit_test_setup(test_input_is_dropped_aloud, set_up),
        cmocka_unit_test_setup(test_detach_works_on_a_deaf_guest, set_up),
        cmocka_unit_test_setup(test_focus_before_the_first_prompt, set_up),
        cmocka_unit_test_setup(test_lines_after_coming_back_are_whole, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
