// SPDX-License-Identifier: MIT
// Connects the terminal to one guest: bytes go both ways as they are, until Ctrl-] or the guest's
// end.
#include "vmm/monitor/monitor_attach.h"

#include "vmm/console/console.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/monitor/monitor_prompt.h"
#include "vmm/monitor/monitor_text.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"
#include "vmm/vm/vm_lines.h"

#define REPLAY_BYTES 2048
#define INPUT_SHARE 64
#define INPUT_PATIENCE_NS 1000000000ULL // how long a typed byte waits for a guest to read
// An Enter that comes sooner after another key may end a line that was meant for the guest.
#define READING_NS 300000000ULL

// Shows the last bytes that the guest sent, from the start of a line on.
static void replay(struct monitor *monitor, const struct terminal *terminal)
{
    uint64_t end = terminal->history_length;
    uint64_t at = terminal_history_start(terminal);
    if (end - at > REPLAY_BYTES) {
        at = end - REPLAY_BYTES;
        while (at < end && terminal_history_at(terminal, at) != '\n') {
            at++;
        }
        at = at == end ? end - REPLAY_BYTES : at + 1;
    }
    for (; at < end; at++) {
        char byte = terminal_history_at(terminal, at);
        console_raw(monitor->console, &byte, 1);
    }
}

static struct terminal *attached_terminal(const struct monitor *monitor)
{
    return vm_line_terminal(monitor->attached, monitor->attached_line);
}

static void forget_missed(struct monitor *monitor)
{
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        for (unsigned line = 0; line < VM_LINES; line++) {
            monitor->views[i][line].missed_lines = 0;
        }
    }
    monitor->missed_log_lines = 0;
    monitor->input_waits = false;
    monitor->dropped_bytes = 0;
}

void monitor_attach(struct monitor *monitor, struct vm *vm, enum vm_line line)
{
    const char *name = vm->config.name;
    const char *suffix = monitor_line_suffix(line);
    monitor_prompt_hide(monitor);
    if (monitor_is_over(vm)) {
        console_format(monitor->console, "console: %s %s; 'log %s%s' shows what it sent\n", name,
                       monitor_end_text(vm).text, name, suffix);
        return;
    }
    console_format(monitor->console, "console: connected to %s%s; Ctrl-] returns\n", name, suffix);
    forget_missed(monitor);
    monitor_view_init(&monitor->views[vm->index][line]);
    monitor->attached = vm;
    monitor->attached_line = line;
    replay(monitor, attached_terminal(monitor));
    monitor->lost = NULL;
}

static void show_missed_lines(const struct monitor *monitor, const struct monitor_view *view)
{
    unsigned lines = view->missed_lines;
    const char *name = monitor->vmm->vms[view->index]->config.name;
    const char *suffix = monitor_line_suffix(view->line);
    if (lines > 0) {
        console_format(monitor->console, "[%s%s] %u line%s while you were away: log %s%s\n", name,
                       suffix, lines, lines == 1 ? "" : "s", name, suffix);
    }
}

static void show_missed(struct monitor *monitor)
{
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        for (unsigned line = 0; line < VM_LINES; line++) {
            show_missed_lines(monitor, &monitor->views[i][line]);
        }
    }
    if (monitor->missed_log_lines > 0) {
        console_format(monitor->console, "husk: %u line%s of the log while you were away: log\n",
                       monitor->missed_log_lines, monitor->missed_log_lines == 1 ? "" : "s");
    }
}

static void show_dropped(struct monitor *monitor)
{
    if (monitor->dropped_bytes > 0) {
        console_format(monitor->console, "\nconsole: bytes typed and dropped: %llu\n",
                       (unsigned long long)monitor->dropped_bytes);
        monitor->dropped_bytes = 0;
    }
}

static void detach(struct monitor *monitor, const char *what)
{
    const struct vm *vm = monitor->attached;
    console_reset_terminal(monitor->console);
    show_dropped(monitor);
    console_format(monitor->console, "\nconsole: %s %s\n", vm->config.name, what);
    show_missed(monitor);
    forget_missed(monitor);
    monitor_view_init(&monitor->views[vm->index][monitor->attached_line]);
    monitor->attached = NULL;
}

void monitor_watch_attached(struct monitor *monitor)
{
    const struct vm *vm = monitor->attached;
    // A VM that will be restarted keeps the terminal.
    if (vm && monitor_is_over(vm) && vm->restart_at_ns == NEVER_NS &&
        !terminal_has_output(attached_terminal(monitor))) {
        detach(monitor, monitor_end_text(vm).text);
        monitor->lost = vm;
        monitor->loss_told = false;
    }
}

bool monitor_drop_lost_input(struct monitor *monitor, uint64_t now)
{
    for (unsigned i = 0; i < INPUT_SHARE; i++) {
        int byte = monitor->read_byte();
        if (byte < 0) {
            return false;
        }
        bool paused = monitor->loss_told && now - monitor->lost_byte_ns >= READING_NS;
        if (paused && (byte == '\r' || byte == '\n')) {
            monitor->lost = NULL;
            return true;
        }
        monitor->lost_byte_ns = now;
        if (!monitor->loss_told) {
            console_format(monitor->console,
                           "%s has ended; this is Husk's monitor: press Enter for its prompt\n",
                           monitor->lost->config.name);
            monitor->loss_told = true;
        }
    }
    return true;
}

static void drop_byte(struct monitor *monitor)
{
    if (monitor->dropped_bytes++ == 0) {
        console_format(monitor->console,
                       "\nconsole: %s does not read its input; what is typed is dropped\n",
                       monitor->attached->config.name);
    }
}

static void type_byte(struct monitor *monitor, uint8_t byte, uint64_t now)
{
    if (terminal_type(attached_terminal(monitor), byte)) {
        show_dropped(monitor);
    } else if (monitor->dropped_bytes > 0) {
        drop_byte(monitor);
    } else {
        monitor->input_waits = true;
        monitor->waiting_byte = byte;
        monitor->waiting_since_ns = now;
    }
}

// Returns whether the waiting byte is gone: the guest has taken it, or it was dropped.
static bool retry_waiting(struct monitor *monitor, uint64_t now)
{
    if (terminal_type(attached_terminal(monitor), monitor->waiting_byte)) {
        vm_terminal_ready(monitor->attached);
    } else if (now - monitor->waiting_since_ns >= INPUT_PATIENCE_NS) {
        drop_byte(monitor);
    } else {
        return false;
    }
    monitor->input_waits = false;
    return true;
}

bool monitor_take_raw_input(struct monitor *monitor, uint64_t now)
{
    bool more = true;
    unsigned typed = 0;
    if (monitor->input_waits && !retry_waiting(monitor, now)) {
        return false;
    }
    while (typed < INPUT_SHARE && !monitor->input_waits) {
        int byte = monitor->read_byte();
        if (byte == MONITOR_DETACH_KEY) {
            detach(monitor, "goes on; 'console' comes back to it");
            return true;
        }
        if (byte < 0) {
            more = false;
            break;
        }
        type_byte(monitor, (uint8_t)byte, now);
        typed++;
    }
    if (typed > 0) {
        vm_terminal_ready(monitor->attached);
    }
    return more && !monitor->input_waits;
}
