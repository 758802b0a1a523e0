// SPDX-License-Identifier: MIT
// Commands that show the inside of a VM, and the logs.
#include "vmm/monitor/monitor_commands_inspect.h"

#include "vmm/address.h"
#include "vmm/console/console.h"
#include "vmm/console/guest_text.h"
#include "vmm/debug/debug_flight.h"
#include "vmm/debug/debug_walk.h"
#include "vmm/monitor/inspect.h"
#include "vmm/monitor/inspect_registers.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_arguments.h"
#include "vmm/monitor/monitor_names.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_lines.h"

#define READ_DEFAULT_BYTES 128
#define REST_BYTES 1024
#define GUEST_ROW_MARK_COLUMNS 2 // the bar and what stands behind it

void command_exits(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    struct reason why = {""};
    if (vm && inspect_exits(vm, &monitor->sink, &why) != STATUS_OK) {
        console_format(monitor->console, "%s\n", why.text);
    }
}

// For a command on a VM and one of its vCPUs, which is 0 unless it is given.
static void inspect_vcpu(struct monitor *monitor, const struct arguments *arguments,
                         enum status (*inspect)(struct vm *vm, unsigned index,
                                                struct line_sink *sink, struct reason *why))
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    uint64_t index = 0;
    struct reason why = {""};
    if (!vm ||
        (arguments->count > 1 && !monitor_find_number(monitor, arguments, 1, "vCPU", &index))) {
        return;
    }
    if (inspect(vm, (unsigned)MIN(index, UINT32_MAX), &monitor->sink, &why) != STATUS_OK) {
        console_format(monitor->console, "%s\n", why.text);
    }
}

void command_regs(struct monitor *monitor, const struct arguments *arguments)
{
    inspect_vcpu(monitor, arguments, inspect_registers);
}

void command_flight(struct monitor *monitor, const struct arguments *arguments)
{
    inspect_vcpu(monitor, arguments, debug_flight);
}

void command_read(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    uint64_t length = READ_DEFAULT_BYTES;
    uint64_t address;
    struct reason why = {""};
    if (!vm || !monitor_find_number(monitor, arguments, 1, "address", &address)) {
        return;
    }
    if (arguments->count > 2 && !monitor_find_number(monitor, arguments, 2, "length", &length)) {
        return;
    }
    if (inspect_memory(vm, gpa(address), length, monitor->scratch, &monitor->sink, &why) !=
        STATUS_OK) {
        console_format(monitor->console, "read: %s\n", why.text);
    }
}

void command_walk(struct monitor *monitor, const struct arguments *arguments)
{
    struct vm *vm = monitor_find_vm(monitor, arguments->words[0]);
    uint64_t address;
    uint64_t index = 0;
    struct reason why = {""};
    if (!vm || !monitor_find_number(monitor, arguments, 1, "address", &address) ||
        (arguments->count > 2 && !monitor_find_number(monitor, arguments, 2, "vCPU", &index))) {
        return;
    }
    if (debug_walk(vm, (unsigned)MIN(index, UINT32_MAX), gva(address), &monitor->sink, &why) !=
        STATUS_OK) {
        console_format(monitor->console, "%s\n", why.text);
    }
}

static void show_host_log(struct monitor *monitor)
{
    char line[MONITOR_LOG_LINE];
    uint64_t position = 0;
    if (!monitor->machine->log_next) {
        console_print(monitor->console, "log: this machine keeps none\n");
        return;
    }
    // Lines that come meanwhile are shown as ever.
    while (position < monitor->log_position &&
           monitor->machine->log_next(&position, line, sizeof(line))) {
        console_format(monitor->console, "%s\n", line);
    }
}

struct history {
    struct guest_text text;
    struct console *console;
};

static void show_piece(struct guest_text *text)
{
    const struct history *history = container_of(text, struct history, text);
    console_print(history->console, "|");
    console_print(history->console, guest_text_mark(text));
    console_write(history->console, text->piece, text->length);
    console_print(history->console, "\n");
}

// Shows the guest's last output, each row behind a bar.
static void show_history(struct monitor *monitor, const struct terminal *terminal)
{
    size_t width = monitor_text_width(monitor, GUEST_ROW_MARK_COLUMNS);
    struct history history = {.console = monitor->console};
    guest_text_init(&history.text, show_piece);
    for (uint64_t at = terminal_history_start(terminal); at < terminal->history_length; at++) {
        guest_text_byte(&history.text, (uint8_t)terminal_history_at(terminal, at), width);
        if (at % REST_BYTES == 0) {
            console_rest(monitor->console); // bytes that show nothing take their time too
        }
    }
    if (history.text.length > 0) {
        guest_text_flush(&history.text);
    }
}

void command_log(struct monitor *monitor, const struct arguments *arguments)
{
    enum vm_line line;
    struct vm *vm;
    if (arguments->count == 0) {
        show_host_log(monitor);
        return;
    }
    vm = monitor_find_vm(monitor, arguments->words[0]);
    if (!vm || !monitor_find_line(monitor, vm, arguments, &line)) {
        return;
    }
    const struct terminal *terminal = vm_line_terminal(vm, line);
    if (terminal->history_length == 0) {
        console_format(monitor->console, "%s has sent nothing\n", vm->config.name);
    } else {
        show_history(monitor, terminal);
    }
}
