// SPDX-License-Identifier: MIT
// Tests of what the monitor does for GDB: it runs commands for it, and lends it a line.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/fake_output.h"
#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/console/console.h"
#include "vmm/util/status.h"

static struct console elsewhere;
static struct fake_output output;
static const char *lent; // the last word that lend_line was given

static enum status lend_line(const char *word, struct reason *why)
{
    lent = word ? word : "the only one";
    return strcmp(lent, "com9") == 0 ? refuse(why, STATUS_NOT_FOUND, "which line?") : STATUS_OK;
}

// Runs a command for GDB. Returns what it said.
static const char *run_for(const char *command)
{
    char line[80];
    strcpy(line, command);
    fake_output_init(&output);
    console_init(&elsewhere, fixture.console.machine);
    console_add(&elsewhere, &output.output);
    monitor_run_for(&fixture.monitor, &elsewhere, line);
    console_flush(&elsewhere);
    return output.text;
}

static void commands_answer_elsewhere(void **state)
{
    (void)state;
    (void)fixture_run("");
    assert_string_equal(run_for("version"), "Husk test\r\n");
    assert_non_null(strstr(run_for("vms"), "ticker"));
    assert_string_equal(run_for("console web"), "console: only at Husk's own prompt\r\n");
    assert_null(fixture.monitor.attached);
    assert_string_equal(run_for("gdb"), "gdb: only at Husk's own prompt\r\n");
    assert_null(strstr(fixture_run("help version"), "Husk test"));
}

static void a_line_is_lent(void **state)
{
    (void)state;
    assert_non_null(strstr(fixture_run("gdb"), "gdb: this machine has no serial lines\r\n"));
    fixture.machine.lend_line = lend_line;
    (void)fixture_run("gdb");
    assert_string_equal(lent, "the only one");
    assert_non_null(strstr(fixture_run("gdb com9"), "gdb: which line?\r\n"));
    assert_string_equal(lent, "com9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_answer_elsewhere, fixture_set_up,
                                        fixture_tear_down),
        cmocka_unit_test_setup_teardown(a_line_is_lent, fixture_set_up, fixture_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
