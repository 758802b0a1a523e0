// SPDX-License-Identifier: MIT
// The monitor's machine: a keyboard, a console, the host's log, and the VMs of the fake machine.
#include "tests/host/monitor/monitor_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/util/format.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/string.h"

struct monitor_fixture fixture;

static int read_byte(void)
{
    return fixture.input_read < fixture.input_length ? (uint8_t)fixture.input[fixture.input_read++]
                                                     : -1;
}

static bool log_next(uint64_t *position, char *line, size_t size)
{
    uint64_t oldest = fake_host.log_lines - MIN(fake_host.log_lines, FAKE_LOG_LINES);
    uint64_t at = MAX(*position, oldest);
    if (at >= fake_host.log_lines) {
        return false;
    }
    text_copy(line, size, fake_host.log[at % FAKE_LOG_LINES]);
    *position = at + 1;
    return true;
}

static uint64_t log_end(void)
{
    return fake_host.log_lines;
}

static bool has_input(void)
{
    return fixture.input_read < fixture.input_length;
}

static uint64_t now_ns(void)
{
    return fake_host.now_ns;
}

static void rest(bool waits)
{
    fixture.rests++;
    if (fixture.logs > 0) {
        fixture.logs--;
        fixture_log("meanwhile");
    }
    fake_host.now_ns += waits ? 1000000 : 0;
}

static const struct console_machine console_machine = {.now_ns = now_ns, .rest = rest};

static void leave(void)
{
    fixture.leaves++;
}

static void describe_cpu(unsigned cpu, char *text, size_t size)
{
    format_text(text, size, "APIC %u", cpu * 2);
}

static void describe(struct line_sink *sink)
{
    sink->line(sink, "CPUs        as many as the test has");
}

// ---- VMs ----

struct vm *fixture_add(const char *name, unsigned vcpus, uint64_t cpus)
{
    struct reason why = {""};
    struct vm *vm = fake_machine_add_smp(name, vcpus, cpus);
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    assert_int_equal(vm->state, VM_RUNNING);
    return vm;
}

void fixture_end(struct vm *vm, const char *how)
{
    vm_end(vm, 0, "%s", how);
}

void fixture_fail(struct vm *vm, const char *how)
{
    vm_fail(vm, "%s", how);
}

uint8_t *fixture_ram(struct vm *vm, uint64_t address)
{
    fake_host.host.space_enter(&vm->space);
    return guest_memory_at(&vm->memory, gpa(address), 1);
}

void fixture_send(struct vm *vm, const char *bytes)
{
    for (; *bytes != '\0'; bytes++) {
        assert_true(vm->pc_output.put_byte(&vm->pc_output, (uint8_t)*bytes));
    }
}

void fixture_fill(struct vm *vm, char byte)
{
    while (vm->pc_output.put_byte(&vm->pc_output, (uint8_t)byte)) {
    }
}

void fixture_init(void)
{
    fake_machine_init();
    fixture = (struct monitor_fixture){.machine = {.version = "Husk test",
                                                   .power_off = leave,
                                                   .reboot = leave,
                                                   .log_next = log_next,
                                                   .log_end = log_end,
                                                   .has_input = has_input,
                                                   .describe_cpu = describe_cpu,
                                                   .describe = describe}};
    fixture.web = fixture_add("web", 1, BIT(0));
    fixture.ticker = fixture_add("ticker", 1, BIT(1));
    fixture.spare = fake_machine_add("spare");
    fake_host.log_lines = 0;
    memset(fake_host.kicks, 0, sizeof(fake_host.kicks));
    console_init(&fixture.console, &console_machine);
    fake_output_init(&fixture.serial);
    assert_true(console_add(&fixture.console, &fixture.serial.output));
    monitor_init(&fixture.monitor, &fake_machine.vmm, &fixture.console, &fixture.machine,
                 read_byte);
}

void fixture_free(void)
{
    fake_machine_free();
}

int fixture_set_up(void **state)
{
    (void)state;
    fixture_init();
    return 0;
}

int fixture_tear_down(void **state)
{
    (void)state;
    fixture_free();
    return 0;
}

// ---- The user ----

void fixture_log(const char *line)
{
    fake_host.host.log(line);
}

void fixture_type(const char *bytes)
{
    size_t length = strlen(bytes);
    if (fixture.input_read == fixture.input_length) {
        fixture.input_read = fixture.input_length = 0;
    }
    assert_true(fixture.input_length + length <= FIXTURE_INPUT_BYTES);
    memcpy(fixture.input + fixture.input_length, bytes, length);
    fixture.input_length += length;
}

void fixture_poll(void)
{
    unsigned polls = 0;
    while (monitor_poll(&fixture.monitor) == 0) {
        assert_true(++polls < 100000);
    }
}

const char *fixture_run(const char *line)
{
    fixture_poll();
    fake_output_clear(&fixture.serial);
    fixture_type(line);
    fixture_type("\r");
    fixture_poll();
    return fixture.serial.text;
}
