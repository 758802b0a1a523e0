// SPDX-License-Identifier: MIT
// Tests of the second console of a VM in the monitor: shown, logged, muted, connected to.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_lines.h"

#define DETACH "\x1d"

static struct vm *web;

static int set_up(void **state)
{
    (void)state;
    fixture_init();
    web = fixture.web;
    assert_true(vm_hvc_create(web));
    fixture_poll();
    fake_output_clear(&fixture.serial);
    return 0;
}

static void print(const char *text)
{
    unsigned length = (unsigned)strlen(text);
    assert_int_equal(vm_line_put(web, &web->hvc->terminal, (const uint8_t *)text, length), length);
}

static void assert_has(const char *text)
{
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, text));
}

static void assert_has_not(const char *text)
{
    fixture_poll();
    assert_null(strstr(fixture.serial.text, text));
}

static void assert_read(struct terminal *terminal, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        assert_int_equal(terminal_get(terminal), (uint8_t)*bytes);
    }
    assert_int_equal(terminal_get(terminal), -1);
}

static void test_lines_of_both_are_shown_apart(void **state)
{
    (void)state;
    print("Debian GNU/");
    fixture_send(web, "from the UART\n");
    fixture_poll();
    print("Linux\n");
    assert_has("[web] from the UART\r\n");
    assert_has("[web hvc0] Debian GNU/Linux\r\n");
}

static void test_an_unfinished_line_is_shown_in_the_end(void **state)
{
    (void)state;
    print("login: ");
    assert_has_not("login");
    fake_host.now_ns += 500000000;
    assert_has("[web hvc0] login: ");
}

static void test_a_row_has_room_for_the_name(void **state)
{
    char text[200];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 2] = '\n';
    text[sizeof(text) - 1] = '\0';
    print(text);
    fixture_poll();
    for (const char *row = fixture.serial.text; *row != '\0'; row += strcspn(row, "\n") + 1) {
        assert_true(strcspn(row, "\r") < 80 || *row == '\r');
        row += strcspn(row, "\n") == strlen(row) ? strlen(row) - 1 : 0;
    }
    assert_has("[web hvc0]+aaaa");
}

static void test_each_has_a_log(void **state)
{
    (void)state;
    print("one\n");
    fixture_send(web, "two\n");
    assert_non_null(strstr(fixture_run("log web hvc0"), "| one\r\n"));
    assert_has_not("two");
    assert_non_null(strstr(fixture_run("log web"), "| two\r\n"));
    assert_has_not("one");
}

static void test_mute_holds_for_both(void **state)
{
    (void)state;
    fixture_run("mute web");
    fake_output_clear(&fixture.serial);
    print("unheard\n");
    assert_has_not("unheard");
    assert_non_null(strstr(fixture_run("log web hvc0"), "| unheard\r\n"));
}

static void test_the_user_connects_to_one(void **state)
{
    (void)state;
    print("before\n");
    assert_non_null(strstr(fixture_run("console web hvc0"),
                           "console: connected to web hvc0; Ctrl-] returns\r\nbefore\n"));
    fake_output_clear(&fixture.serial);
    print("raw \x1b[1m");
    fixture_send(web, "kept\n");
    fixture_type("ls\r");
    assert_has("raw \x1b[1m");
    assert_has_not("kept");
    assert_read(&web->hvc->terminal, "ls\r");
    assert_read(&web->terminal, "");
    fixture_type(DETACH);
    assert_has("[web] 1 line while you were away: log web\r\n");
    assert_has_not("[web hvc0]");
}

static void test_lines_that_the_user_misses_are_counted(void **state)
{
    (void)state;
    fixture_run("console web");
    print("a\nb\n");
    fixture_poll();
    fixture_type(DETACH);
    assert_has("[web hvc0] 2 lines while you were away: log web hvc0\r\n");
}

static void test_a_vm_that_ends_shows_its_last_words(void **state)
{
    (void)state;
    fixture_run("console web hvc0");
    print("last words");
    fixture_end(web, "powered off");
    assert_has("last words");
    assert_has("console: web ended: powered off\r\n");
}

static void test_names_are_checked(void **state)
{
    (void)state;
    assert_non_null(strstr(fixture_run("console ticker hvc0"),
                           "ticker has no hvc0; hvc=yes on its line gives it one\r\n"));
    assert_non_null(
        strstr(fixture_run("console web hvc1"), "'hvc1' is no console; expected hvc0\r\n"));
    assert_null(fixture.monitor.attached);
    assert_non_null(strstr(fixture_run("log ticker hvc0"), "ticker has no hvc0"));
    assert_non_null(strstr(fixture_run("log web hvc0"), "web has sent nothing\r\n"));
}

// Both lines together may fill no more of a turn than the one line of another VM.
static void test_two_lines_get_no_more_than_one(void **state)
{
    uint8_t text[TERMINAL_OUTPUT_BYTES];
    (void)state;
    memset(text, '\r', sizeof(text)); // shows nothing
    (void)vm_line_put(web, &web->hvc->terminal, text, sizeof(text));
    fixture_fill(web, '\r');
    fixture_fill(fixture.ticker, '\r');
    monitor_poll(&fixture.monitor);
    uint64_t moved = web->terminal.history_length + web->hvc->terminal.history_length;
    assert_int_equal(web->terminal.history_length, moved / 2);
    assert_int_equal(fixture.ticker->terminal.history_length, moved);
}

static void test_room_wakes_the_guest(void **state)
{
    uint8_t text[TERMINAL_OUTPUT_BYTES];
    (void)state;
    memset(text, '\n', sizeof(text));
    print("0");
    assert_int_equal(vm_line_put(web, &web->hvc->terminal, text, sizeof(text)), sizeof(text) - 1);
    fake_machine_sleep(web, 0, WAKE_ALWAYS);
    monitor_poll(&fixture.monitor);
    assert_true(fake_machine_woken(web, 0));
}

static bool talks_when_kicked;

static void note_kick(unsigned cpu)
{
    if (cpu == 1) {
        talks_when_kicked = fake_machine.vmm.talking & BIT(fixture.ticker->index);
    }
}

// So what it prints next does not wake CPU 0.
static void test_a_guest_with_more_output_is_woken_as_one_that_talks(void **state)
{
    (void)state;
    fixture_fill(fixture.ticker, '\n');
    fake_machine_sleep(fixture.ticker, 0, WAKE_ALWAYS);
    fake_host.host.kick = note_kick;
    monitor_poll(&fixture.monitor);
    assert_true(talks_when_kicked);
}

static void test_the_end_of_the_machine_shows_all(void **state)
{
    (void)state;
    print("the very last");
    monitor_finish(&fixture.monitor);
    fake_host.now_ns += 500000000;
    assert_has("[web hvc0] the very last");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lines_of_both_are_shown_apart),
        TEST(test_an_unfinished_line_is_shown_in_the_end),
        TEST(test_a_row_has_room_for_the_name),
        TEST(test_each_has_a_log),
        TEST(test_mute_holds_for_both),
        TEST(test_the_user_connects_to_one),
        TEST(test_lines_that_the_user_misses_are_counted),
        TEST(test_a_vm_that_ends_shows_its_last_words),
        TEST(test_names_are_checked),
        TEST(test_two_lines_get_no_more_than_one),
        TEST(test_room_wakes_the_guest),
        TEST(test_a_guest_with_more_output_is_woken_as_one_that_talks),
        TEST(test_the_end_of_the_machine_shows_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
