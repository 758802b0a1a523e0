// SPDX-License-Identifier: MIT
// Tests of the monitor while a CPU does not answer: its VMs are named, and all else works on.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"

#define PROMPT "\rhusk> \x1b[K"
#define STUCK "ticker is stuck: CPU 1 does not answer\r\n"

// CPU 1 is the one of `ticker`.
static int set_up(void **state)
{
    (void)state;
    fixture_init();
    fake_host.stuck[1] = true;
    return 0;
}

// The answer is exactly `answer`, between the echo and the next prompt.
static void assert_answer(const char *line, const char *answer)
{
    char expected[1024];
    snprintf(expected, sizeof(expected), "%s\r\n%s" PROMPT, line, answer);
    assert_string_equal(fixture_run(line), expected);
}

static void the_lists_show_it(void **state)
{
    (void)state;
    assert_answer("vms", "NAME             STATE     VCPUS     MEMORY         EXITS  UPTIME\r\n"
                         "web              running       1      2 MiB             0  0:00:00\r\n"
                         "ticker           stuck         1      2 MiB             ?  0:00:00\r\n"
                         "spare            off           1      2 MiB             0  "
                         "was not started\r\n");
    assert_answer("cpus", "CPU   VMS  HUSK  IDLE                            VCPUS (VM/VCPU)\r\n"
                          "  0    0%    0%    0%  APIC 0                    web\r\n"
                          "  1    0%    0%    0%  stuck: does not answer    ticker (stuck)\r\n");
}

static void each_command_on_its_vm_says_so_in_one_line(void **state)
{
    (void)state;
    assert_answer("stop ticker", "stop: " STUCK);
    assert_answer("pause ticker", "pause: " STUCK);
    assert_answer("reset ticker", "reset: " STUCK);
    assert_answer("screen ticker", "screen: " STUCK);
    assert_answer("read ticker 0", "read: " STUCK);
    assert_answer("type ticker a", "type: " STUCK);
    assert_answer("powerbutton ticker", "powerbutton: " STUCK);
    assert_answer("regs ticker", STUCK);
    assert_answer("exits ticker", STUCK);
}

static void other_vms_are_served(void **state)
{
    (void)state;
    assert_answer("pause web", "web paused\r\n");
    assert_answer("resume web", "web goes on\r\n");
    assert_answer("stop web", "web stopped\r\n");
}

static void the_machine_can_be_switched_off(void **state)
{
    (void)state;
    fixture_run("poweroff");
    assert_int_equal(fixture.leaves, 1);
    assert_non_null(strstr(fixture.serial.text, STUCK));
}

static void a_cpu_that_answers_again_is_served_again(void **state)
{
    (void)state;
    fake_host.stuck[1] = false;
    assert_answer("stop ticker", "ticker stopped\r\n");
}

// Frees the VM of CPU 1 too.
static int tear_down(void **state)
{
    fake_host.stuck[1] = false;
    return fixture_tear_down(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_lists_show_it),
        TEST(each_command_on_its_vm_says_so_in_one_line),
        TEST(other_vms_are_served),
        TEST(the_machine_can_be_switched_off),
        TEST(a_cpu_that_answers_again_is_served_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
