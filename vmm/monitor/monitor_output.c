// SPDX-License-Identifier: MIT
// Moves guests' output and the log to the console: as lines with the VM's name, or raw.
#include "vmm/monitor/monitor_output.h"

#include "vmm/console/console.h"
#include "vmm/console/guest_text.h"
#include "vmm/host.h"
#include "vmm/monitor/monitor.h"
#include "vmm/monitor/monitor_prompt.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_call.h"

#define VM_SHARE 512                       // bytes that one turn moves of each VM
#define FLUSH_TURN_BYTES 32                // guests' bytes that one turn of a flush moves at least
#define NAME_MARK_COLUMNS 3                // "[", "]" and what stands behind it
#define LINE_ROOM (GUEST_TEXT_BYTES + 100) // cells for one piece with its name and colours
#define SILENCE_NS 500000000ULL            // an unfinished line is shown after this
#define NO_COLOUR "\x1b[m"

static const char *const name_colours[] = {
    "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[31m",
};

// Shows a piece of the VM's text as a row of its own, behind the VM's name.
static void show_piece(struct guest_text *text)
{
    struct monitor_view *view = container_of(text, struct monitor_view, text);
    struct console *console = view->monitor->console;
    size_t index = (size_t)(view - view->monitor->views);
    if (view->muted) {
        return;
    }
    if (view->monitor->attached) {
        view->missed_lines += !text->cut;
        return;
    }
    monitor_prompt_hide(view->monitor);
    console_colour(console, name_colours[index % ARRAY_SIZE(name_colours)]);
    console_format(console, "[%s]", view->monitor->vmm->vms[index]->config.name);
    console_colour(console, NO_COLOUR);
    console_print(console, guest_text_mark(text));
    console_write(console, text->piece, text->length);
    console_print(console, "\n");
}

void monitor_view_init(struct monitor_view *view)
{
    guest_text_init(&view->text, show_piece);
}

struct monitor_view *monitor_view_of(struct monitor *monitor, const struct vm *vm)
{
    unsigned index = 0;
    while (monitor->vmm->vms[index] != vm) {
        index++;
    }
    return &monitor->views[index];
}

size_t monitor_text_width(const struct monitor *monitor, size_t mark)
{
    size_t used = mark + 1; // some terminals wrap behind the last column
    size_t columns = console_columns(monitor->console);
    return columns > used ? columns - used : 1;
}

// Whether the guest sends nothing more. `ending` is set before the log gets the line about the end,
// the state only after it.
static bool is_done(const struct vm *vm)
{
    return monitor_is_over(vm) || __atomic_load_n(&vm->ending, __ATOMIC_ACQUIRE);
}

static bool has_room(const struct monitor *monitor, unsigned index)
{
    const struct vm *vm = monitor->vmm->vms[index];
    if (monitor->attached == vm) {
        return console_guest_room(monitor->console) > 0;
    }
    if (monitor->attached || monitor->views[index].muted) {
        return true;
    }
    return console_guest_room(monitor->console) >= LINE_ROOM;
}

// Moves one byte to the console. False: there is none, or the console has no room.
static bool move_byte(struct monitor *monitor, unsigned index)
{
    struct vm *vm = monitor->vmm->vms[index];
    int byte = has_room(monitor, index) ? terminal_take(&vm->terminal) : -1;
    if (byte < 0) {
        return false;
    }
    if (monitor->attached == vm) {
        char raw = (char)byte;
        console_raw(monitor->console, &raw, 1);
    } else {
        guest_text_byte(&monitor->views[index].text, (uint8_t)byte,
                        monitor_text_width(monitor, strlen(vm->config.name) + NAME_MARK_COLUMNS));
    }
    return true;
}

// Shows the unfinished line of a guest that has ended or has been silent for SILENCE_NS.
static void show_unfinished(struct monitor *monitor, unsigned index, uint64_t now)
{
    struct vm *vm = monitor->vmm->vms[index];
    struct monitor_view *view = &monitor->views[index];
    bool due = is_done(vm) || now - view->last_byte_ns >= SILENCE_NS;
    if (view->text.length > 0 && due && !terminal_has_output(&vm->terminal) &&
        has_room(monitor, index)) {
        guest_text_flush(&view->text);
        view->text.cut = !is_done(vm);
    }
}

// Returns whether it moved something.
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

// Moves output of the VMs whose is_done() is `done`. Each turn starts after the VM that was moved
// last, so that a VM that fills the console cannot keep the others from it. Returns whether these
// VMs have no output left.
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
            empty && !terminal_has_output(&vm->terminal) && monitor->views[index].text.length == 0;
    }
    return empty;
}

// Shows the log's next line. False: there is none, or the console has no room.
static bool show_log_line(struct monitor *monitor, uint64_t now)
{
    char line[MONITOR_LOG_LINE];
    uint64_t position = monitor->log_position;
    if (!monitor->machine->log_next || !monitor->machine->log_next(&position, line, sizeof(line))) {
        return false;
    }
    // The last output of a VM is shown before the line that the VM has ended. That line may be this
    // one, so all output of ended VMs is in the terminals by now.
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

void monitor_flush(struct monitor *monitor)
{
    // Guests that still run may write for ever. It is enough to show what all terminals can hold.
    unsigned turns = (monitor->vmm->vm_count + 1) * (TERMINAL_OUTPUT_BYTES / FLUSH_TURN_BYTES);
    uint32_t before;
    do {
        before = monitor->console->end;
        monitor_move_output(monitor, monitor->vmm->host->now_ns());
        console_flush(monitor->console);
    } while (--turns > 0 && monitor->console->end != before);
}

// When to look at a terminal again whose VM has just woken this CPU: the VM does not wake it again
// within TERMINAL_WAKE_INTERVAL_NS.
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
        if (monitor->views[i].text.length > 0) {
            deadline = MIN(deadline, monitor->views[i].last_byte_ns + SILENCE_NS);
        }
    }
    return deadline;
}
