// SPDX-License-Identifier: MIT
// Guests' output and the log on their way to the console: line by line with the VM's name, or raw.
#include "vmm/console/console.h"
#include "vmm/console/line_filter.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_internal.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define VM_SHARE 512                         // bytes of one VM in one turn
#define LINE_ROOM (MONITOR_LINE_BYTES + 100) // cells for one line with its name and colours
#define SILENCE_NS 500000000ULL              // after this an unfinished line is shown
#define NO_COLOUR "\x1b[m"

static const char *const name_colours[] = {
    "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[31m",
};

// Shows what the line holds, as a line; `mark` follows where the guest did not end it itself.
static void show_line(struct monitor *monitor, unsigned index, const char *mark)
{
    struct monitor_view *view = &monitor->views[index];
    struct console *console = monitor->console;
    uint32_t length = view->line_length;
    view->line_length = 0;
    if (monitor->attached) {
        view->missed_lines++;
        return;
    }
    monitor_hide_prompt(monitor);
    console_colour(console, name_colours[index % ARRAY_SIZE(name_colours)]);
    console_format(console, "[%s]", monitor->vmm->vms[index]->config.name);
    console_colour(console, NO_COLOUR);
    console_print(console, length > 0 ? " " : "");
    console_write(console, view->line, length);
    console_format(console, "%s\n", mark);
}

static void end_line(struct monitor *monitor, unsigned index)
{
    struct monitor_view *view = &monitor->views[index];
    bool rest_is_empty = view->cut && view->line_length == 0;
    view->cut = false;
    if (!rest_is_empty) {
        show_line(monitor, index, "");
    }
}

static void add_character(struct monitor *monitor, unsigned index, char character)
{
    struct monitor_view *view = &monitor->views[index];
    if (view->line_length >= MONITOR_LINE_BYTES) {
        show_line(monitor, index, "\\");
    }
    view->line[view->line_length++] = character;
}

static void filter_byte(struct monitor *monitor, unsigned index, uint8_t byte)
{
    struct monitor_view *view = &monitor->views[index];
    struct line_filter *filter = &view->filter;
    bool empty = view->line_length == 0;
    switch (line_filter_byte(filter, byte, empty)) {
    case FILTER_TEXT:
        add_character(monitor, index, filter->character);
        break;
    case FILTER_END:
        end_line(monitor, index);
        break;
    case FILTER_END_TEXT:
        end_line(monitor, index);
        add_character(monitor, index, filter->character);
        break;
    case FILTER_NOTHING:
    default:
        break;
    }
}

// Whether the guest has said its last words. `ending` is set before the log has the line that says
// so, the state only after it.
static bool is_done(const struct vm *vm)
{
    return monitor_is_over(vm) || __atomic_load_n(&vm->ending, __ATOMIC_ACQUIRE);
}

static bool has_room(const struct monitor *monitor, const struct vm *vm)
{
    if (!monitor->attached) {
        return console_guest_room(monitor->console) >= LINE_ROOM;
    }
    return monitor->attached != vm || console_guest_room(monitor->console) > 0;
}

// Moves one byte to where the user wants it; false: there is none, or no room for it.
static bool move_byte(struct monitor *monitor, unsigned index)
{
    struct vm *vm = monitor->vmm->vms[index];
    int byte = has_room(monitor, vm) ? terminal_take(&vm->terminal) : -1;
    if (byte < 0) {
        return false;
    }
    if (monitor->attached == vm) {
        char raw = (char)byte;
        console_raw(monitor->console, &raw, 1);
    } else {
        filter_byte(monitor, index, (uint8_t)byte);
    }
    return true;
}

// Shows the unfinished line of a guest that has been silent for long or has ended.
static void show_unfinished(struct monitor *monitor, unsigned index, uint64_t now)
{
    struct vm *vm = monitor->vmm->vms[index];
    struct monitor_view *view = &monitor->views[index];
    bool due = is_done(vm) || now - view->last_byte_ns >= SILENCE_NS;
    if (view->line_length > 0 && due && !terminal_has_output(&vm->terminal) &&
        has_room(monitor, vm)) {
        show_line(monitor, index, "");
        view->cut = !is_done(vm);
    }
}

// True if it moved something.
static bool move_guest(struct monitor *monitor, unsigned index, uint64_t now)
{
    struct vm *vm = monitor->vmm->vms[index];
    unsigned moved = 0;
    while (moved < VM_SHARE && move_byte(monitor, index)) {
        moved++;
    }
    if (moved > 0) {
        monitor->views[index].last_byte_ns = now;
        if (terminal_take_room_wanted(&vm->terminal)) {
            vm_terminal_ready(vm);
        }
    }
    show_unfinished(monitor, index, now);
    return moved > 0;
}

// Moves the output of those VMs that are done, or of those that are not; each turn starts behind
// the VM that came last, so that one that fills the console cannot keep the others from it. True:
// they have no output left.
static bool move_guests(struct monitor *monitor, bool done, uint64_t now)
{
    unsigned first = monitor->next_vm;
    unsigned count = monitor->vmm->vm_count;
    bool empty = true;
    for (unsigned i = 0; i < count; i++) {
        unsigned index = (first + i) % count;
        struct vm *vm = monitor->vmm->vms[index];
        if (is_done(vm) != done) {
            continue;
        }
        if (move_guest(monitor, index, now)) {
            monitor->next_vm = (index + 1) % count;
        }
        empty =
            empty && !terminal_has_output(&vm->terminal) && monitor->views[index].line_length == 0;
    }
    return empty;
}

// Shows the log's next line; false: there is none, or no room for it.
static bool show_log_line(struct monitor *monitor, uint64_t now)
{
    char line[MONITOR_LOG_LINE];
    uint64_t position = monitor->log_position;
    if (!monitor->machine->log_next || !monitor->machine->log_next(&position, line, sizeof(line))) {
        return false;
    }
    // A VM's last words come before the line that it ended: only now that there is a line is it
    // sure that they are all there.
    if (!move_guests(monitor, true, now) || console_guest_room(monitor->console) < LINE_ROOM) {
        return false;
    }
    monitor->log_position = position;
    if (monitor->attached) {
        monitor->missed_log_lines++;
    } else {
        monitor_print(monitor, line);
    }
    return true;
}

void monitor_move_output(struct monitor *monitor, uint64_t now)
{
    while (show_log_line(monitor, now)) {
    }
    move_guests(monitor, true, now);
    move_guests(monitor, false, now);
}

// A VM that has just woken this CPU does not wake it for its next output.
static uint64_t look_again_ns(const struct terminal *terminal, uint64_t now)
{
    uint64_t woke_ns = __atomic_load_n(&terminal->woke_ns, __ATOMIC_RELAXED);
    uint64_t again_ns = woke_ns + TERMINAL_WAKE_INTERVAL_NS;
    return again_ns > now ? again_ns : NEVER_NS;
}

uint64_t monitor_output_deadline(const struct monitor *monitor, uint64_t now)
{
    uint64_t deadline = NEVER_NS;
    for (unsigned i = 0; i < monitor->vmm->vm_count; i++) {
        const struct terminal *terminal = &monitor->vmm->vms[i]->terminal;
        if (terminal_has_output(terminal)) {
            return 0;
        }
        deadline = MIN(deadline, look_again_ns(terminal, now));
        if (monitor->views[i].line_length > 0) {
            deadline = MIN(deadline, monitor->views[i].last_byte_ns + SILENCE_NS);
        }
    }
    return deadline;
}
