// SPDX-License-Identifier: MIT
// Tests of every command: what it shows, and the one line for a wrong argument.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/fake_world.h"
#include "vmm/monitor/monitor_internal.h"

#define PROMPT "\rhusk> \x1b[K"

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

// Runs the line; the answer is exactly `answer`, between the echo and the next prompt.
static void assert_answer(const char *line, const char *answer)
{
    char expected[4096];

    snprintf(expected, sizeof(expected), "%s\r\n%s" PROMPT, line, answer);
    assert_string_equal(fake_world_run(line), expected);
}

static void assert_answer_has(const char *line, const char *part)
{
    const char *answer = fake_world_run(line);

    if (strstr(answer, part) == NULL) {
        fail_msg("`%s` answered: %s", line, answer);
    }
}

static void test_empty_lines_do_nothing(void **state)
{
    (void)state;
    assert_answer("", "");
    assert_answer("   ", "");
}

static void test_wrong_commands(void **state)
{
    (void)state;
    assert_answer("strat web", "no command 'strat'; did you mean 'start'? 'help' lists them\r\n");
    assert_answer("frobnicate", "no command 'frobnicate'; 'help' lists them\r\n");
    assert_answer("HELP", "no command 'HELP'; 'help' lists them\r\n");
    assert_answer("x", "no command 'x'; 'help' lists them\r\n");
}

static void test_long_words_are_harmless(void **state)
{
    (void)state;
    char word[LINE_MAX_LENGTH + 1];

    memset(word, 'w', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_answer_has(word, "no command 'wwww");
    memcpy(word, "regs ", 5);
    assert_answer_has(word, "no VM 'wwww");
    memset(word, ' ', sizeof(word) - 1);
    for (size_t i = 0; i < sizeof(word) - 1; i += 2) {
        word[i] = 'w';
    }
    assert_answer_has(word, "no command 'w'");
    memcpy(word, "vms ", 4);
    assert_answer_has(word, "vms: there is something too much; expected: vms\r\n");
}

static void test_every_command_checks_its_arguments(void **state)
{
    (void)state;
    const struct command *command;

    for (unsigned i = 0; (command = monitor_command_at(i)) != NULL; i++) {
        char line[LINE_MAX_LENGTH + 1];
        char expected[200];

        if (command->minimum > 0) {
            snprintf(expected, sizeof(expected),
                     "%s\r\n%s: something is missing; expected: %s %s\r\n", command->name,
                     command->name, command->name, command->arguments);
            assert_answer_has(command->name, expected);
        }
        if (command->takes_rest) { // there cannot be too much
            continue;
        }
        snprintf(line, sizeof(line), "%s 1 2 3 4", command->name);
        snprintf(expected, sizeof(expected),
                 "%s: there is something too much; expected: %s%s%s\r\n", command->name,
                 command->name, command->arguments[0] != '\0' ? " " : "", command->arguments);
        assert_answer_has(line, expected);
    }
    assert_int_equal(world.leaves, 0);
}

static void test_every_command_that_names_a_vm_checks_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"stop", "pause", "resume", "reset",  "console",
                                        "regs", "exits", "log",    "screen", "powerbutton"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        char line[64];

        snprintf(line, sizeof(line), "%s tickre", names[i]);
        assert_answer_has(line, "no VM 'tickre'; did you mean 'ticker'? 'vms' lists them\r\n");
        snprintf(line, sizeof(line), "%s zebra", names[i]);
        assert_answer_has(line, "no VM 'zebra'; 'vms' lists them\r\n");
    }
    assert_answer_has("read zebra 0", "no VM 'zebra'");
}

static void test_help(void **state)
{
    (void)state;
    const char *answer = fake_world_run("help");
    const struct command *command;

    for (unsigned i = 0; (command = monitor_command_at(i)) != NULL; i++) {
        char line[128];

        snprintf(line, sizeof(line), "\r\n  %s", command->name);
        assert_non_null(strstr(answer, line));
        assert_non_null(strstr(answer, command->help));
        assert_true(strlen(command->help) < LINE_COLUMNS - 30);
    }
    assert_non_null(strstr(answer, "Ctrl-]"));
}

static void test_help_of_one_command(void **state)
{
    (void)state;
    const struct command *command;

    assert_answer_has("help read", "read NAME ADDRESS [LENGTH]: dump guest-physical memory\r\n");
    assert_answer_has("help raed", "no command 'raed'; did you mean 'read'?");
    for (unsigned i = 0; (command = monitor_command_at(i)) != NULL; i++) {
        char line[64];

        snprintf(line, sizeof(line), "help %s", command->name);
        assert_answer_has(line, command->help);
    }
}

static void test_vms(void **state)
{
    (void)state;
    world.now_ns = 3723000000000;
    world.cores[0].exits[EXIT_CPUID] = 40;
    world.cores[0].exits[EXIT_HLT] = 2;
    ticker->state = VM_PAUSED;
    ticker->clock_base_ns = 1000000000;
    ticker->paused_at_ns = 61000000000;
    assert_answer("vms",
                  "NAME             STATE     VCPUS     MEMORY         EXITS  UPTIME\r\n"
                  "web              running       1     32 MiB            42  1:02:03\r\n"
                  "ticker           paused        1     32 MiB             0  0:01:00\r\n"
                  "spare            off           1     32 MiB             0  was not started\r\n");
    web->state = VM_ENDED;
    strcpy(web->ended.text, "exit status 7");
    assert_answer_has("vms", "ended: exit status 7\r\n");
    web->failed = true;
    strcpy(web->ended.text, "triple fault");
    assert_answer_has("vms", "stopped: triple fault\r\n");
    world.vmm.vm_count = 0;
    assert_answer("vms", "there are no VMs; 'start' lists what may be one\r\n");
}

static void test_cpus(void **state)
{
    (void)state;
    ticker->state = VM_PAUSED;
    world.scheduler.busy_ns = 250000000; // of one second
    assert_answer("cpus", "CPU  BUSY                            VMS (VM/VCPU)\r\n"
                          "  0    0%  APIC 0                    web\r\n"
                          "  1   25%  APIC 2                    ticker (paused)\r\n");
    web->config.vcpus = 3;
    web->slots[1].cpu = 1;
    assert_answer("cpus", "CPU  BUSY                            VMS (VM/VCPU)\r\n"
                          "  0    0%  APIC 0                    web/0 web/2\r\n"
                          "  1   25%  APIC 2                    web/1 ticker (paused)\r\n");
    web->config.vcpus = 1;
    world.machine.describe_cpu = NULL;
    assert_answer_has("cpus", " web\r\n");
}

static void test_memory(void **state)
{
    (void)state;
    assert_answer("memory", "WHOSE                  SIZE        FREE\r\n"
                            "Husk                 32 MiB    3584 KiB\r\n"
                            "all guests          512 MiB     480 MiB\r\n"
                            "  web                64 KiB\r\n"
                            "  ticker             64 KiB\r\n");
}

static void test_start(void **state)
{
    (void)state;
    assert_answer("start spare", "spare starts\r\n");
    assert_int_equal(world.vms[2].state, VM_STARTING);
    assert_answer("start spare", "start: it is starting\r\n");
    world.vms[2].state = VM_RUNNING;
    assert_answer("start spare", "start: it is running\r\n");
    assert_answer("start hello", "hello starts\r\n");
    assert_int_equal(world.vmm.vm_count, 4);
    assert_answer("stop hello", "hello stopped\r\n");
    assert_answer("start hello", "hello starts\r\n");
    assert_int_equal(world.vmm.vm_count, 4);
    assert_answer("start nonsense", "nothing is named 'nonsense'; 'start' lists what is\r\n");
    assert_answer("start hogg",
                  "nothing is named 'hogg'; did you mean 'hog'? 'start' lists what is\r\n");
}

static void test_start_without_a_name(void **state)
{
    (void)state;
    assert_answer("start", "  spare            was not started\r\n"
                           "  hello            says hello\r\n"
                           "  hog              never halts\r\n");
    world.vms[2].state = VM_RUNNING;
    world.vmm.linked_count = 0;
    assert_answer("start", "everything runs that can be started\r\n");
}

static void test_start_where_no_vm_can_be_made(void **state)
{
    (void)state;
    while (world.vmm.vm_count < WORLD_VMS_MAX) {
        fake_world_add_vm("more", VM_OFF);
    }
    assert_answer("start hello", "start: no room for another VM\r\n");
    world.vmm.ops = NULL;
    strcpy(world.vmm.no_guests.text, "the CPU has no VT-x");
    assert_answer("start hello", "this machine runs no guests: the CPU has no VT-x\r\n");
    assert_answer("start", "this machine runs no guests: the CPU has no VT-x\r\n");
}

static void test_states(void **state)
{
    (void)state;
    assert_answer("pause web", "web paused\r\n");
    assert_answer("pause web", "pause: it is paused\r\n");
    assert_answer("resume web", "web goes on\r\n");
    assert_answer("resume web", "resume: it is running\r\n");
    assert_answer("reset web", "web starts again\r\n");
    assert_answer("stop web", "web stopped\r\n");
    assert_answer("stop web", "stop: it is off\r\n");
    assert_answer("reset web", "reset: it is off\r\n");
}

static void test_a_vm_that_is_starting(void **state)
{
    (void)state;
    web->state = VM_STARTING;
    web->zeroed_bytes = 8 * MIB;
    world.vmm.vm_count = 1;
    assert_answer("vms", "NAME             STATE     VCPUS     MEMORY         EXITS  UPTIME\r\n"
                         "web              starting      1     32 MiB             0  25 %\r\n");
    web->zeroed_bytes = 32 * MIB;
    assert_answer_has("vms", "  100 %\r\n");
    assert_answer_has("cpus", " web (starting)\r\n");
    assert_answer_has("memory", "  web                64 KiB\r\n");
    assert_answer("regs web", "web is starting: it has no CPU\r\n");
    assert_answer("exits web", "web is starting: it has no CPU\r\n");
    assert_answer("read web 0", "read: web is starting: it has no memory\r\n");
    assert_answer("screen web", "screen: web is starting: it has no screen\r\n");
    assert_answer("type web x", "type: web is starting, not running\r\n");
    assert_answer("powerbutton web", "powerbutton: web is starting, not running\r\n");
    assert_answer_has("start", "  hello ");
    assert_null(strstr(fake_world_run("start"), "  web "));
    assert_answer("stop web", "web stopped\r\n");
}

static void test_regs_and_exits_go_through(void **state)
{
    (void)state;
    world.cores[0].registers.gpr[GPR_R15] = 0x15;
    assert_answer_has("regs web", "R15  0000000000000015\r\n");
    assert_answer("regs spare", "spare is off: it has no CPU\r\n");
    web->config.vcpus = 4;
    assert_answer_has("regs web 3", "R15  0000000000000015\r\n");
    assert_answer("regs web 4", "web has vCPUs 0 to 3\r\n");
    assert_answer_has("regs web x", "'x' is no vCPU; expected a number");
    assert_answer_has("exits web", "all exits");
    assert_answer("exits spare", "spare is off: it has no CPU\r\n");
}

static void test_read(void **state)
{
    (void)state;
    memcpy(world.ram + 0x1000, "Husk\x01\xff", 6);
    assert_answer("read web 0x1000 16",
                  "0000000000001000  48 75 73 6b 01 ff 00 00 00 00 00 00 00 00 00 00  "
                  "|Husk............|\r\n");
    assert_answer_has("read web 4K 4", "0000000000001000  48 75 73 6b    ");
    assert_answer_has("read web 0", "0000000000000070  ");
    assert_answer_has("read web 0 4K", "0000000000000ff0  ");
    assert_answer_has("read web 1G", "not RAM of this VM\r\n");
}

static void test_read_refuses(void **state)
{
    (void)state;
    assert_answer("read web zz",
                  "'zz' is no address; expected a number such as 4096, 4K or 0x1000\r\n");
    assert_answer_has("read web K", "'K' is no address");
    assert_answer_has("read web -1", "'-1' is no address");
    assert_answer_has("read web 0x", "'0x' is no address");
    assert_answer_has("read web 0x10000000000000000", "is no address");
    assert_answer_has("read web 0xffffffffffffffffK", "is no address");
    assert_answer_has("read web 0 x", "'x' is no length");
    assert_answer("read web 0 0", "read: the length must be 1 to 4096 bytes\r\n");
    assert_answer("read web 0 4097", "read: the length must be 1 to 4096 bytes\r\n");
    assert_answer("read web 0xffffffffffffffff 2", "read: the memory would end beyond 64 bits\r\n");
    assert_answer("read spare 0", "read: spare is off: it has no memory\r\n");
}

// The machine's memory of these VMs does not reach to their screens.
static void test_screen_goes_through(void **state)
{
    (void)state;
    assert_answer_has("screen spare", "screen: spare is off: it has no screen\r\n");
}

static void assert_typed(struct vm *vm, const char *codes)
{
    struct i8042 *i8042 = &vm->pc->i8042;

    for (; *codes != '\0'; codes++) {
        assert_int_equal(i8042_read(i8042, I8042_DATA), (uint8_t)*codes);
        key_queue_feed(&vm->pc->keys, i8042);
    }
    assert_int_equal(i8042_read(i8042, I8042_COMMAND) & 1, 0);
}

static void set_line(struct irq_line *line, bool level)
{
    (void)line;
    (void)level;
}

static struct irq_line ignored = {set_line};

static void test_type(void **state)
{
    (void)state;
    i8042_init(&world.pcs[0].i8042, &ignored, &ignored);
    assert_answer_has("type web a  B\\n", "5 keys typed\r\n"); // blanks and all
    assert_typed(&world.vms[0], "\x1e\x9e\x39\xb9\x39\xb9\x2a\x30\xb0\xaa\x1c\x9c");
    assert_answer_has("type   web    \\{ctrl-c}", "1 keys typed\r\n");
    assert_typed(&world.vms[0], "\x1d\x2e\xae\x9d");
}

static void test_type_refuses(void **state)
{
    (void)state;
    i8042_init(&world.pcs[0].i8042, &ignored, &ignored);
    assert_answer_has("type web x\\q", "type: nothing types '\\q'; expected ASCII, ");
    assert_typed(&world.vms[0], ""); // not even the x
    assert_answer_has("type web   ", "type: something is missing");
    assert_answer_has("type spare x", "type: spare is off, not running\r\n");
    assert_answer_has("type zebra x", "no VM 'zebra'");
}

static void test_type_where_nobody_reads(void **state)
{
    char line[160] = "type web ";

    (void)state;
    i8042_init(&world.pcs[0].i8042, &ignored, &ignored);
    memset(line + strlen(line), 'x', 100);
    for (unsigned i = 0; i < 5; i++) {
        assert_answer_has(line, "100 keys typed\r\n");
    }
    assert_answer_has(line, "type: 20 of 100 keys typed: web does not read its keyboard\r\n");
}

static void test_powerbutton(void **state)
{
    static struct acpi_pm_output output;
    struct acpi_pm *pm = &world.pcs[0].acpi_pm;

    (void)state;
    acpi_pm_init(pm, &ignored, &output, 0);
    assert_answer_has("powerbutton web", "powerbutton: web does not listen to it; 'stop web' ");
    assert_int_equal(acpi_pm_read(pm, ACPI_PM1_STATUS, 2, 0), 0);
    acpi_pm_write(pm, ACPI_PM1_ENABLE, 2, 0x100, 0);
    assert_answer_has("powerbutton web", "web was told\r\n");
    assert_int_equal(acpi_pm_read(pm, ACPI_PM1_STATUS, 2, 0), 0x100);
    assert_answer_has("powerbutton spare", "powerbutton: spare is off, not running\r\n");
}

static void test_log(void **state)
{
    (void)state;
    fake_world_log("first");
    fake_world_log("second");
    assert_answer("log", "first\r\nsecond\r\n");
    assert_answer("log web", "web has sent nothing\r\n");
    fake_world_send(web, "one\r\n\x1b[31mtwo\x1b[m\nthr");
    assert_answer("log web", "one\r\ntwo\r\nthr\r\n");
    world.machine.log_next = NULL;
    assert_answer("log", "log: this machine keeps none\r\n");
}

static void test_log_of_a_long_history(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        fake_world_send(web, "0123456789\n");
        fake_world_poll();
    }
    const char *answer = fake_world_run("log web");
    assert_in_range(strlen(answer), TERMINAL_HISTORY_BYTES, 2 * TERMINAL_HISTORY_BYTES);
}

static void test_leaving(void **state)
{
    (void)state;
    assert_answer("poweroff",
                  "switching the machine off\r\n"
                  "switching the machine off: the machine refused; the VMs are off\r\n");
    assert_int_equal(world.leaves, 1);
    assert_int_equal(world.stops, 2);
    assert_int_equal(web->state, VM_OFF);
    assert_answer_has("reboot", "restarting the machine\r\n");
    assert_int_equal(world.leaves, 2);
    world.machine.reboot = NULL;
    assert_answer("reboot", "restarting the machine: this machine cannot do it\r\n");
}

static void test_leaving_with_a_vm_that_does_not_stop(void **state)
{
    (void)state;
    world.refuse_stop = true;
    assert_answer_has("poweroff", "web: it does not stop\r\n");
    assert_int_equal(world.leaves, 1);
}

static void test_version(void **state)
{
    (void)state;
    assert_answer("version", "Husk test\r\n");
    assert_answer("  version  ", "Husk test\r\n");
}

static void assert_completes(const char *typed, const char *line)
{
    fake_world_type("\x15");
    fake_world_type(typed);
    fake_world_type("\t");
    fake_world_poll();
    assert_string_equal(world.monitor.editor.text, line);
}

static void test_completion(void **state)
{
    (void)state;
    assert_completes("ver", "version ");
    assert_completes("  ver", "  version ");
    assert_completes("con", "console ");
    assert_completes("console t", "console ticker ");
    assert_completes("start he", "start hello ");
    assert_completes("stop he", "stop he");
    assert_completes("help powero", "help poweroff ");
    assert_completes("vms w", "vms w");
    assert_completes("read web t", "read web t");
    assert_completes("nonsense w", "nonsense w");
    assert_completes("averyveryverylongword w", "averyveryverylongword w");
}

static void test_completion_lists_what_is_possible(void **state)
{
    (void)state;
    fake_world_poll();
    fake_output_clear(&world.serial);
    fake_world_type("start \t");
    fake_world_poll();
    assert_non_null(strstr(world.serial.text, "web  ticker  spare  hello  hog  \r\n"));
    assert_string_equal(world.monitor.editor.text, "start ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty_lines_do_nothing, set_up),
        cmocka_unit_test_setup(test_wrong_commands, set_up),
        cmocka_unit_test_setup(test_long_words_are_harmless, set_up),
        cmocka_unit_test_setup(test_every_command_checks_its_arguments, set_up),
        cmocka_unit_test_setup(test_every_command_that_names_a_vm_checks_the_name, set_up),
        cmocka_unit_test_setup(test_help, set_up),
        cmocka_unit_test_setup(test_help_of_one_command, set_up),
        cmocka_unit_test_setup(test_vms, set_up),
        cmocka_unit_test_setup(test_cpus, set_up),
        cmocka_unit_test_setup(test_memory, set_up),
        cmocka_unit_test_setup(test_start, set_up),
        cmocka_unit_test_setup(test_start_without_a_name, set_up),
        cmocka_unit_test_setup(test_start_where_no_vm_can_be_made, set_up),
        cmocka_unit_test_setup(test_states, set_up),
        cmocka_unit_test_setup(test_a_vm_that_is_starting, set_up),
        cmocka_unit_test_setup(test_regs_and_exits_go_through, set_up),
        cmocka_unit_test_setup(test_read, set_up),
        cmocka_unit_test_setup(test_read_refuses, set_up),
        cmocka_unit_test_setup(test_screen_goes_through, set_up),
        cmocka_unit_test_setup(test_type, set_up),
        cmocka_unit_test_setup(test_type_refuses, set_up),
        cmocka_unit_test_setup(test_type_where_nobody_reads, set_up),
        cmocka_unit_test_setup(test_powerbutton, set_up),
        cmocka_unit_test_setup(test_log, set_up),
        cmocka_unit_test_setup(test_log_of_a_long_history, set_up),
        cmocka_unit_test_setup(test_leaving, set_up),
        cmocka_unit_test_setup(test_leaving_with_a_vm_that_does_not_stop, set_up),
        cmocka_unit_test_setup(test_version, set_up),
        cmocka_unit_test_setup(test_completion, set_up),
        cmocka_unit_test_setup(test_completion_lists_what_is_possible, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
