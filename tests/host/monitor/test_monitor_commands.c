// SPDX-License-Identifier: MIT
// Tests of every command: what it shows, and the one line for a wrong argument.
#include "vmm/monitor/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/monitor/monitor_fixture.h"
#include "vmm/monitor/monitor_commands.h"
#include "vmm/vm/vm_balloon.h"
#include "vmm/vm/vm_disks.h"
#include "vmm/vm/vm_life.h"
#include "vmm/vm/vm_nets.h"

#define PROMPT "\rhusk> \x1b[K"

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

// Runs the line; the answer is exactly `answer`, between the echo and the next prompt.
static void assert_answer(const char *line, const char *answer)
{
    char expected[4096];
    snprintf(expected, sizeof(expected), "%s\r\n%s" PROMPT, line, answer);
    assert_string_equal(fixture_run(line), expected);
}

static void assert_answer_has(const char *line, const char *part)
{
    const char *answer = fixture_run(line);
    if (!strstr(answer, part)) {
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
    for (unsigned i = 0; (command = monitor_command_at(i)); i++) {
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
    assert_int_equal(fixture.leaves, 0);
}

static void test_every_command_that_names_a_vm_checks_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"stop", "pause",  "resume", "reset",  "console",
                                        "regs", "exits",  "log",    "screen", "powerbutton",
                                        "mute", "unmute", "flight"};
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
    const char *answer = fixture_run("help");
    const struct command *command;
    for (unsigned i = 0; (command = monitor_command_at(i)); i++) {
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
    for (unsigned i = 0; (command = monitor_command_at(i)); i++) {
        char line[64];
        snprintf(line, sizeof(line), "help %s", command->name);
        assert_answer_has(line, command->help);
    }
}

static void test_vms(void **state)
{
    (void)state;
    web->vcpus[0]->core.exits[EXIT_CPUID] = 40;
    web->vcpus[0]->core.exits[EXIT_HLT] = 2;
    fake_host.now_ns = 61000000000; // they started at 1 s
    fixture_run("pause ticker");
    fake_host.now_ns = 3724000000000;
    assert_answer("vms",
                  "NAME             STATE     VCPUS     MEMORY         EXITS  UPTIME\r\n"
                  "web              running       1      2 MiB            42  1:02:03\r\n"
                  "ticker           paused        1      2 MiB             0  0:01:00\r\n"
                  "spare            off           1      2 MiB             0  was not started\r\n");
    fixture_end(web, "exit status 7");
    assert_answer_has("vms", "ended: exit status 7\r\n");
    fixture_run("resume ticker");
    fixture_fail(ticker, "triple fault");
    assert_answer_has("vms", "stopped: triple fault\r\n");
    fake_machine_free();
    assert_answer("vms", "there are no VMs; 'start' lists what may be one\r\n");
}

static void test_cpus(void **state)
{
    (void)state;
    fixture_run("pause ticker");
    fake_machine.schedulers[1].busy_ns = 250000000; // of one second
    fake_machine.schedulers[1].house_ns = 30000000;
    fake_machine.schedulers[1].idle_ns = 720000000;
    assert_answer("cpus", "CPU   VMS  HUSK  IDLE                            VCPUS (VM/VCPU)\r\n"
                          "  0    0%    0%    0%  APIC 0                    web\r\n"
                          "  1   25%    3%   72%  APIC 2                    ticker (paused)\r\n");
    fixture_add("trio", 3, BIT(0) | BIT(1));
    assert_answer("cpus",
                  "CPU   VMS  HUSK  IDLE                            VCPUS (VM/VCPU)\r\n"
                  "  0    0%    0%    0%  APIC 0                    web trio/0 trio/2\r\n"
                  "  1   25%    3%   72%  APIC 2                    ticker (paused) trio/1\r\n");
    fixture.machine.describe_cpu = NULL;
    assert_answer_has("cpus", " web trio/0 trio/2\r\n");
}

static void test_memory(void **state)
{
    (void)state;
    assert_answer("memory", "WHOSE                  SIZE        FREE       GIVEN\r\n"
                            "Husk                 32 MiB    3584 KiB\r\n"
                            "all guests           64 MiB      60 MiB\r\n"
                            "  web              1920 KiB\r\n"
                            "  ticker           1920 KiB\r\n");
    fixture.spare->space.store_bytes = 2 * MIB; // it is off, and keeps a disk
    assert_answer_has("memory", "  spare               2 MiB\r\n");
    fixture.spare->space.store_bytes = 0;
}

static void test_balloon(void **state)
{
    (void)state;
    assert_answer("balloon spare 1M", "balloon: spare is off, not running\r\n");
    assert_answer("balloon web 1M", "balloon: web has none; balloon=yes gives it one\r\n");
    assert_true(vm_balloon_create(fixture.spare));
    fixture.spare->config.memory_bytes = 9 * MIB;
    assert_answer("start spare", "spare starts\r\n");
    fake_machine_finish(fixture.spare);
    struct virtio_balloon *balloon = &fixture.spare->balloon->device.balloon;
    assert_answer("balloon spare 4M", "");
    assert_int_equal(balloon->config.wanted, 4 * MIB / PAGE_SIZE);
    assert_answer("balloon spare 10M", "balloon: spare can give 0 KiB to 9 MiB now\r\n");
    assert_answer("balloon spare all",
                  "'all' is no size; expected a number such as 4096, 4K or 0x1000\r\n");
    assert_answer_has("memory", "  spare            9088 KiB       0 KiB       0 KiB\r\n");
    assert_true(balloon->asked);
    fixture.spare->space.holes = 2;
    balloon->statistics[BALLOON_STATISTIC_FREE] = 3 * MIB;
    assert_answer_has("memory", "  spare            4992 KiB       3 MiB       4 MiB\r\n");
    balloon->statistics[BALLOON_STATISTIC_AVAILABLE] = 2 * MIB;
    assert_answer_has("memory", "  spare            4992 KiB       2 MiB       4 MiB\r\n");
    uint64_t bytes = fake_host.guest_bytes;
    fake_host.guest_bytes = fake_host.space_bytes + 2 * MIB;
    assert_answer("balloon spare 0", "balloon: spare can give 2 MiB to 9 MiB now\r\n");
    assert_answer("balloon spare 2M", "");
    fake_host.guest_bytes = bytes;
    fixture.spare->space.holes = 0;
}

static void test_disks(void **state)
{
    struct disk_config data = {.name = "data", .read_only = true};
    struct disk_config scratch = {
        .name = "scratch", .ram_bytes = MIB, .overlay_bytes = MIB, .keep = true};
    struct vm_payload image = {.size = 3 * MIB};
    struct reason why;
    (void)state;
    assert_answer("disks", "no VM has a disk; disk= on a module's line gives it one\r\n");
    assert_int_equal(vm_disks_add(fixture.spare, &data, &image, &why), STATUS_OK);
    assert_int_equal(vm_disks_add(fixture.spare, &scratch, NULL, &why), STATUS_OK);
    fixture.spare->disks->disks[1].disk.overlay.held = 5;
    fixture.spare->disks->disks[1].disk.backend.counters.reads = 1000;
    fixture.spare->disks->disks[1].disk.backend.counters.writes = 20;
    fixture.spare->disks->disks[1].disk.backend.counters.errors = 1;
    assert_answer(
        "disks", "VM              DISK                 SIZE   WRITTEN   READS  WRITES ERRORS\r\n"
                 "spare           data                3 MiB     0 KiB       0       0      0 ro\r\n"
                 "spare           scratch             1 MiB    20 KiB    1000      20      1 keep"
                 "\r\n");
}

static void test_nets(void **state)
{
    struct reason why;
    (void)state;
    assert_answer("nets", "no VM has a network card; net= on a VM's line gives it one\r\n");
    fixture.spare->config.net_count = 2;
    fixture.spare->config.nets[0] = (struct net_config){.name = "lan"};
    fixture.spare->config.nets[1] = (struct net_config){
        .name = "dmz", .has_mac = true, .mac = {{0x52, 0x54, 0, 0x12, 0x34, 0x56}}};
    assert_int_equal(vm_nets_create(fixture.spare, &why), STATUS_OK);
    fixture.spare->nets->nets[0].port.counters = (struct switch_counters){
        .sent_frames = 1000,
        .sent_bytes = 3 * MIB,
        .received_frames = 20,
        .received_bytes = 4 * KIB,
        .full = 1,
        .spoofed = 20,
        .floods = 300,
        .lost = 4000,
    };
    fixture.spare->nets->nets[0].device.network.bad_frames = 50000;
    fixture.spare->nets->nets[1].link_down = true;
    assert_answer(
        "nets",
        "VM              ADDRESS           LINK    SENT    BYTES RECEIVED    BYTES DROPS\r\n"
        "lan:\r\n"
        "spare/0         02:48:75:73:03:00 up      1000    3 MiB       20    4 KiB 54321\r\n"
        "dmz:\r\n"
        "spare/1         52:54:00:12:34:56 down       0    0 KiB        0    0 KiB     0\r\n");
    fixture.spare->nets->count = 1;
    assert_answer(
        "nets",
        "VM              ADDRESS           LINK    SENT    BYTES RECEIVED    BYTES DROPS\r\n"
        "lan:\r\n"
        "spare           02:48:75:73:03:00 up      1000    3 MiB       20    4 KiB 54321\r\n"
        "dmz:\r\n");
}

// The cable of a VM that is off can be pulled out too, and stays so when the VM starts.
static void test_link(void **state)
{
    struct reason why;
    (void)state;
    assert_answer("link web 0 down", "link: web has 0 network cards, numbered from 0\r\n");
    fixture.spare->config.net_count = 1;
    fixture.spare->config.nets[0] = (struct net_config){.name = "lan"};
    assert_int_equal(vm_nets_create(fixture.spare, &why), STATUS_OK);
    struct virtio_network *network = &fixture.spare->nets->nets[0].device.network;
    assert_answer("link spare 1 down", "link: spare has 1 network cards, numbered from 0\r\n");
    assert_answer("link spare eth0 down", "'eth0' is no card; expected a number such as 4096, 4K "
                                          "or 0x1000\r\n");
    assert_answer("link spare 0 off", "link: 'off' is neither up nor down\r\n");
    assert_answer("link nobody 0 up", "no VM 'nobody'; 'vms' lists them\r\n");
    assert_answer("link spare 0 down", "");
    assert_answer_has("nets", "spare           02:48:75:73:03:00 down ");
    assert_answer("start spare", "spare starts\r\n");
    fake_machine_finish(fixture.spare);
    assert_false(virtio_network_link_is_up(network));
    fixture.spare->pc->virtio_busy = 0;
    assert_answer("link spare 0 up", "");
    assert_true(virtio_network_link_is_up(network));
    assert_true(fixture.spare->pc->virtio_busy != 0); // it gets a turn soon
    assert_answer("link spare 0 down", "");
    assert_false(virtio_network_link_is_up(network));
}

static void test_start(void **state)
{
    (void)state;
    assert_answer("start spare", "spare starts\r\n");
    assert_int_equal(fixture.spare->state, VM_STARTING);
    assert_answer("start spare", "start: spare is starting\r\n");
    fake_machine_finish(fixture.spare);
    assert_answer("start spare", "start: spare is running\r\n");
    assert_answer("start hello", "hello starts\r\n");
    assert_int_equal(fake_machine.vmm.vm_count, 4);
    assert_answer("stop hello", "hello stopped\r\n");
    assert_answer("start hello", "hello starts\r\n");
    assert_int_equal(fake_machine.vmm.vm_count, 4);
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
    fixture_run("start spare");
    fake_machine.vmm.linked_count = 0;
    assert_answer("start", "everything runs that can be started\r\n");
}

static void test_start_where_no_vm_can_be_made(void **state)
{
    (void)state;
    fake_host.failing_step = fake_host.steps + 1;
    assert_answer("start hello", "start: vm=hello: no frames for another VM\r\n");
    fake_machine_free();
    fake_machine.vmm.ops = NULL;
    strcpy(fake_machine.vmm.no_guests.text, "the CPU has no VT-x");
    assert_answer("start hello", "this machine runs no guests: the CPU has no VT-x\r\n");
    assert_answer("start", "this machine runs no guests: the CPU has no VT-x\r\n");
}

static void test_states(void **state)
{
    (void)state;
    assert_answer("pause web", "web paused\r\n");
    assert_answer("pause web", "pause: web is paused, not running\r\n");
    assert_answer("resume web", "web goes on\r\n");
    assert_answer("resume web", "resume: web is running, not paused\r\n");
    assert_answer("reset web", "web starts again\r\n");
    assert_answer("stop web", "web stopped\r\n");
    assert_answer("reset web", "reset: web is stopping\r\n");
    fake_machine_finish(web);
    assert_answer("stop web", "stop: web is off already\r\n");
    assert_answer("reset web", "reset: web is off: start it\r\n");
}

// Its memory counts as used until it is free.
static void test_a_vm_that_is_stopping(void **state)
{
    (void)state;
    assert_answer("stop web", "web stopped\r\n");
    assert_answer_has("vms",
                      "web              stopping      1      2 MiB             0  was stopped\r\n");
    assert_null(strstr(fixture_run("cpus"), " web"));
    assert_answer_has("memory", "  web              1920 KiB\r\n");
    assert_answer("regs web", "web is stopping: it has no CPU\r\n");
    assert_answer("read web 0", "read: web is stopping: it has no memory\r\n");
    assert_answer("screen web", "screen: web is stopping: it has no screen\r\n");
    assert_answer("type web x", "type: web is stopping, not running\r\n");
    assert_answer("stop web", "web stopped\r\n");
    assert_answer_has("start", "  web              was stopped\r\n");
    assert_answer("start web", "web starts\r\n");
    fake_machine_finish(web);
    assert_int_equal(web->state, VM_RUNNING);
}

static void test_a_vm_that_is_starting(void **state)
{
    (void)state;
    fixture_run("reset web");
    fake_host.zero_ns_per_kib = 1; // one piece, and its time is over
    while (web->zeroed_bytes == 0) {
        vm_continue(web, fake_host.now_ns + 1);
    }
    assert_answer_has("vms", "web              starting      1      2 MiB             0  12 %\r\n");
    web->zeroed_bytes = 2 * MIB;
    assert_answer_has("vms", "  100 %\r\n");
    assert_answer_has("cpus", " web (starting)\r\n");
    assert_answer_has("memory", "  web              1920 KiB\r\n");
    assert_answer("regs web", "web is starting: it has no CPU\r\n");
    assert_answer("exits web", "web is starting: it has no CPU\r\n");
    assert_answer("read web 0", "read: web is starting: it has no memory\r\n");
    assert_answer("screen web", "screen: web is starting: it has no screen\r\n");
    assert_answer("type web x", "type: web is starting, not running\r\n");
    assert_answer("powerbutton web", "powerbutton: web is starting, not running\r\n");
    assert_answer_has("start", "  hello ");
    assert_null(strstr(fixture_run("start"), "  web "));
    assert_answer("stop web", "web stopped\r\n");
}

static void test_regs_and_exits_go_through(void **state)
{
    (void)state;
    web->vcpus[0]->core.registers.gpr[GPR_R15] = 0x15;
    assert_answer_has("regs web", "R15  0000000000000015\r\n");
    assert_answer("regs spare", "spare is off: it has no CPU\r\n");
    struct vm *quad = fixture_add("quad", 4, BIT(0) | BIT(1));
    quad->vcpus[3]->core.registers.gpr[GPR_R15] = 0x33;
    assert_answer_has("regs quad 3", "R15  0000000000000033\r\n");
    assert_answer("regs quad 4", "quad has vCPUs 0 to 3\r\n");
    assert_answer_has("regs web x", "'x' is no vCPU; expected a number");
    assert_answer_has("exits web", "all exits");
    assert_answer("exits spare", "spare is off: it has no CPU\r\n");
}

static void test_read(void **state)
{
    (void)state;
    memcpy(fixture_ram(web, 0x1000), "Husk\x01\xff", 6);
    assert_answer("read web 0x1000 16",
                  "000000001000  48 75 73 6b 01 ff 00 00 00 00 00 00 00 00 00 00 "
                  "|Husk............|\r\n");
    assert_answer_has("read web 4K 4", "000000001000  48 75 73 6b    ");
    assert_answer_has("read web 0", "000000000070  ");
    assert_answer_has("read web 0 4K", "000000000ff0  ");
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

static void test_type(void **state)
{
    (void)state;
    assert_answer_has("type web a  B\\n", "5 keys typed\r\n"); // blanks and all
    assert_typed(web, "\x1e\x9e\x39\xb9\x39\xb9\x2a\x30\xb0\xaa\x1c\x9c");
    assert_answer_has("type   web    \\{ctrl-c}", "1 keys typed\r\n");
    assert_typed(web, "\x1d\x2e\xae\x9d");
}

static void test_type_refuses(void **state)
{
    (void)state;
    assert_answer_has("type web x\\q", "type: nothing types '\\q'; expected ASCII, ");
    assert_typed(web, ""); // not even the x
    assert_answer_has("type web   ", "type: something is missing");
    assert_answer_has("type spare x", "type: spare is off, not running\r\n");
    assert_answer_has("type zebra x", "no VM 'zebra'");
}

static void test_type_where_nobody_reads(void **state)
{
    char line[160] = "type web ";
    (void)state;
    memset(line + strlen(line), 'x', 100);
    for (unsigned i = 0; i < 5; i++) {
        assert_answer_has(line, "100 keys typed\r\n");
    }
    assert_answer_has(line, "type: 20 of 100 keys typed: web does not read its keyboard\r\n");
}

static void test_powerbutton(void **state)
{
    struct acpi_pm *pm = &web->pc->acpi_pm;
    (void)state;
    assert_answer_has("powerbutton web", "powerbutton: web does not listen to it; 'stop web' ");
    assert_int_equal(acpi_pm_read(pm, ACPI_PM1_STATUS, 2, 0), 0);
    acpi_pm_write(pm, ACPI_PM1_ENABLE, 2, 0x100, 0);
    assert_answer_has("powerbutton web", "web was told\r\n");
    assert_int_equal(acpi_pm_read(pm, ACPI_PM1_STATUS, 2, 0), 0x100);
    assert_answer_has("powerbutton spare", "powerbutton: spare is off, not running\r\n");
}

static void test_mute(void **state)
{
    (void)state;
    assert_answer("mute web", "web is muted; 'log web' shows what it sends\r\n");
    fake_output_clear(&fixture.serial);
    fixture_send(web, "unheard\n");
    fixture_poll();
    assert_string_equal(fixture.serial.text, "");
    assert_answer("log web", "| unheard\r\n");
    assert_answer_has("vms", "  0:00:00, muted\r\n");
    fake_machine.vmm.vms[0]->config.share = 300;
    assert_answer_has("vms", "  0:00:00, share 300, muted\r\n");
    fake_machine.vmm.vms[0]->config.share = VM_SHARE_DEFAULT;
    fixture_send(ticker, "heard\n");
    fixture_end(web, "done"); // what Husk says of it is no word of the guest
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "[ticker] heard\r\n"));
    assert_non_null(strstr(fixture.serial.text, "[web] ended: done\r\n"));
}

static void test_unmute(void **state)
{
    (void)state;
    fixture_run("mute web");
    fixture_send(web, "unheard\n");
    assert_answer("unmute web", "what web sends is shown again\r\n");
    fixture_send(web, "heard\n");
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "[web] heard\r\n"));
    assert_null(strstr(fixture_run("vms"), "muted"));
}

// It does not wait for the console, and is not told of when the user comes back from another.
static void test_a_muted_vm_is_out_of_the_way(void **state)
{
    (void)state;
    fixture_run("mute web");
    fixture.serial.room_left = 0;
    fixture_fill(web, '\n');
    for (unsigned turn = 0; turn < 10; turn++) {
        monitor_poll(&fixture.monitor);
    }
    assert_false(terminal_has_output(&web->terminal));
    fixture.serial.room_left = SIZE_MAX;
    fixture_run("console ticker");
    fixture_send(web, "unheard\n");
    fixture_poll();
    fixture_type("\x1d");
    fixture_poll();
    assert_null(strstr(fixture.serial.text, "away"));
    fixture_run("console web"); // the user wants to see it
    fixture_send(web, "seen");
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "seen"));
}

static void test_log(void **state)
{
    (void)state;
    fixture_log("first");
    fixture_log("second");
    assert_answer("log", "first\r\nsecond\r\n");
    assert_answer("log web", "web has sent nothing\r\n");
    fixture_send(web, "one\r\n\x1b[31mtwo\x1b[m\nthr");
    assert_answer("log web", "| one\r\n| two\r\n| thr\r\n");
    fixture.machine.log_next = NULL;
    assert_answer("log", "log: this machine keeps none\r\n");
}

// What a guest has sent never begins in the first column, however long its lines are.
static void test_log_of_long_lines(void **state)
{
    (void)state;
    char sent[200];
    memset(sent, ' ', sizeof(sent));
    strcpy(sent + 77, "husk> \n\n");
    fixture_send(web, sent);
    assert_answer_has("log web", " \r\n|+husk> \r\n|\r\n");
}

static void test_log_of_a_long_history(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3000; i++) {
        fixture_send(web, "0123456789\n");
        fixture_poll();
    }
    unsigned rests = fixture.rests;
    const char *answer = fixture_run("log web");
    assert_in_range(strlen(answer), TERMINAL_HISTORY_BYTES, 2 * TERMINAL_HISTORY_BYTES);
    assert_true(fixture.rests - rests >= TERMINAL_HISTORY_BYTES / CONSOLE_REST_CELLS);
}

static void test_log_of_bytes_that_show_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TERMINAL_HISTORY_BYTES; i++) {
        fixture_send(web, "\x01");
        fixture_poll();
    }
    unsigned rests = fixture.rests;
    fixture_run("log web");
    assert_true(fixture.rests - rests >= TERMINAL_HISTORY_BYTES / KIB);
}

// While the answer is written, guests run, and log. What they log is shown once, after it.
static void test_log_ends_although_lines_come(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        fixture_log("a line of Husk's log that is about as long as such lines mostly are");
    }
    fixture_poll();
    fixture.logs = 10;
    const char *at = fixture_run("log");
    unsigned shown = 0;
    for (; (at = strstr(at, "meanwhile\r\n")); at++) {
        shown++;
    }
    assert_int_equal(shown, 10);
}

static void test_leaving(void **state)
{
    (void)state;
    assert_answer("poweroff",
                  "switching the machine off\r\n"
                  "switching the machine off: the machine refused; the VMs are off\r\n");
    assert_int_equal(fixture.leaves, 1);
    assert_int_equal(web->state, VM_STOPPING);
    assert_int_equal(ticker->state, VM_STOPPING);
    assert_answer_has("reboot", "restarting the machine\r\n");
    assert_int_equal(fixture.leaves, 2);
    fixture.machine.reboot = NULL;
    assert_answer("reboot", "restarting the machine: this machine cannot do it\r\n");
}

static void test_leaving_with_a_vm_that_does_not_stop(void **state)
{
    (void)state;
    web->holders++; // a CPU has not let go of a vCPU
    assert_answer_has("poweroff", "web: web still runs\r\n");
    assert_int_equal(fixture.leaves, 1);
    web->holders--;
}

static void test_version_and_machine(void **state)
{
    (void)state;
    assert_answer("version", "Husk test\r\n");
    assert_answer("  version  ", "Husk test\r\n");
    assert_answer("machine", "CPUs        as many as the test has\r\n");
    fixture.machine.describe = NULL;
    assert_answer("machine", "");
}

static void assert_completes(const char *typed, const char *line)
{
    fixture_type("\x15");
    fixture_type(typed);
    fixture_type("\t");
    fixture_poll();
    assert_string_equal(fixture.monitor.editor.text, line);
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
    assert_completes("unm", "unmute ");
    assert_completes("mute t", "mute ticker ");
    assert_completes("help powero", "help poweroff ");
    assert_completes("vms w", "vms w");
    assert_completes("read web t", "read web t");
    assert_completes("nonsense w", "nonsense w");
    assert_completes("averyveryverylongword w", "averyveryverylongword w");
}

static void test_completion_lists_what_is_possible(void **state)
{
    (void)state;
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture_type("start \t");
    fixture_poll();
    assert_non_null(strstr(fixture.serial.text, "web  ticker  spare  hello  hog  \r\n"));
    assert_string_equal(fixture.monitor.editor.text, "start ");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

static const struct CMUnitTest tests[] = {
    TEST(test_empty_lines_do_nothing),
    TEST(test_wrong_commands),
    TEST(test_long_words_are_harmless),
    TEST(test_every_command_checks_its_arguments),
    TEST(test_every_command_that_names_a_vm_checks_the_name),
    TEST(test_help),
    TEST(test_help_of_one_command),
    TEST(test_vms),
    TEST(test_cpus),
    TEST(test_memory),
    TEST(test_disks),
    TEST(test_balloon),
    TEST(test_nets),
    TEST(test_link),
    TEST(test_start),
    TEST(test_start_without_a_name),
    TEST(test_start_where_no_vm_can_be_made),
    TEST(test_states),
    TEST(test_a_vm_that_is_starting),
    TEST(test_a_vm_that_is_stopping),
    TEST(test_regs_and_exits_go_through),
    TEST(test_read),
    TEST(test_read_refuses),
    TEST(test_screen_goes_through),
    TEST(test_type),
    TEST(test_type_refuses),
    TEST(test_type_where_nobody_reads),
    TEST(test_powerbutton),
    TEST(test_log),
    TEST(test_log_of_long_lines),
    TEST(test_log_of_a_long_history),
    TEST(test_log_of_bytes_that_show_nothing),
    TEST(test_log_ends_although_lines_come),
    TEST(test_leaving),
    TEST(test_leaving_with_a_vm_that_does_not_stop),
    TEST(test_version_and_machine),
    TEST(test_mute),
    TEST(test_unmute),
    TEST(test_a_muted_vm_is_out_of_the_way),
    TEST(test_completion),
    TEST(test_completion_lists_what_is_possible),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, NULL);
}
