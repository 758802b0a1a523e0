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
#include "vmm/vm/vm_lines.h"

#define TURN_BYTES 1024                    // of guests and the log, that one turn moves
#define TURN_CELLS 1024                    // of the console, that one turn fills with them
#define TURN_NS (500 * NS_PER_US)          // after this a turn moves no further piece
#define VM_SHARE 512                       // bytes that one turn moves of each VM
#define NAME_MARK_COLUMNS 3                // "[", "]" and what stands behind it
#define LINE_ROOM (GUEST_TEXT_BYTES + 100) // cells for one piece with its name and colours
#define SILENCE_NS 500000000ULL            // an unfinished line is shown after this
#define NO_COLOUR "\x1b[m"

static const char *const name_colours[] = {
    "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[35m", "\x1b[34m", "\x1b[31m",
};

static struct vm *vm_of(const struct monitor_view *view)
{
    return view->monitor->vmm->vms[view->index];
}

static bool is_muted(const struct monitor_view *view)
{
    return view->monitor->muted & BIT(view->index);
}

// Shows a piece of the VM's text as a row of its own, behind the VM's name.
static void show_piece(struct guest_text *text)
{
    struct monitor_view *view = container_of(text, struct monitor_view, text);
    struct console *console = view->monitor->console;
    if (is_muted(view)) {
        return;
    }
    if (view->monitor->attached) {
        view->missed_lines += !text->cut;
        return;
    }
    monitor_prompt_hide(view->monitor);
    console_colour(console, name_colours[view->index % ARRAY_SIZE(name_colours)]);
    console_format(console, "[%s%s]", vm_of(view)->config.name, monitor_line_suffix(view->line));
    console_colour(console, NO_COLOUR);
    console_print(console, guest_text_mark(text));
    console_write(console, text->piece, text->length);
    console_print(console, "\n");
}

void monitor_view_init(struct monitor_view *view)
{
    guest_text_init(&view->text, show_piece);
}

const char *monitor_line_suffix(enum vm_line line)
{
    return line == VM_LINE_HVC ? " hvc0" : "";
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

static bool turn_is_over(const struct monitor *monitor)
{
    return monitor->bytes_left == 0 || monitor->console->end - monitor->turn_start >= TURN_CELLS ||
           monitor->vmm->host->now_ns() >= monitor->turn_end_ns;
}

// Whether a piece, or a line of the log, fits into the console.
static bool has_line_room(const struct monitor *monitor)
{
    if (console_guest_room(monitor->console) < LINE_ROOM) {
        console_pump(monitor->console);
    }
    return console_guest_room(monitor->console) >= LINE_ROOM;
}

// Whether a piece of the text can be shown now, or is not to be shown.
static bool has_room(const struct monitor_view *view)
{
    return view->monitor->attached || is_muted(view) || has_line_room(view->monitor);
}

// Moves the bytes of a terminal as they are. Returns how many.
static unsigned move_raw(const struct monitor *monitor, struct terminal *terminal, unsigned share)
{
    size_t room = console_guest_room(monitor->console);
    unsigned moved = 0;
    for (; moved < MIN(share, room); moved++) {
        int byte = terminal_take(terminal);
        char raw = (char)byte;
        if (byte < 0) {
            break;
        }
        console_raw(monitor->console, &raw, 1);
    }
    return moved;
}

// Shows the bytes of a terminal as lines. Returns how many it moved. The room is looked at again
// only after a piece was shown.
static unsigned move_text(struct monitor_view *view, struct terminal *terminal, unsigned share)
{
    struct monitor *monitor = view->monitor;
    size_t mark = strlen(vm_of(view)->config.name) + strlen(monitor_line_suffix(view->line));
    size_t width = monitor_text_width(monitor, mark + NAME_MARK_COLUMNS);
    uint32_t shown = monitor->console->end;
    bool room = has_room(view);
    unsigned moved = 0;
    for (; moved < share && room; moved++) {
        int byte = terminal_take(terminal);
        if (byte < 0) {
            break;
        }
        guest_text_byte(&view->text, (uint8_t)byte, width);
        if (monitor->console->end != shown) {
            room = !turn_is_over(monitor) && has_room(view);
            shown = monitor->console->end;
        }
    }
    return moved;
}

// Shows the unfinished line of a guest that has ended or has been silent for SILENCE_NS. Returns
// whether there still is one.
static bool show_unfinished(struct monitor_view *view, const struct terminal *terminal,
                            uint64_t now)
{
    bool done = is_done(vm_of(view));
    bool due = done || now - view->last_byte_ns >= SILENCE_NS;
    if (view->text.length > 0 && due && !terminal_has_output(terminal) && has_room(view)) {
        guest_text_flush(&view->text);
        view->text.cut = !done;
    }
    return view->text.length > 0;
}

// Moves output of one line. Returns how many bytes.
static unsigned move_line(struct monitor_view *view, struct terminal *terminal, unsigned share,
                          uint64_t now)
{
    struct monitor *monitor = view->monitor;
    bool raw = monitor->attached == vm_of(view) && monitor->attached_line == view->line;
    unsigned moved = raw ? move_raw(monitor, terminal, share) : move_text(view, terminal, share);
    // First of all: a VM that goes on, and is known to have output, does not wake CPU 0.
    if (terminal_has_output(terminal)) {
        __atomic_fetch_or(&monitor->vmm->talking, BIT(view->index), __ATOMIC_SEQ_CST);
    }
    if (moved > 0) {
        monitor->bytes_left -= moved;
        view->last_byte_ns = now;
        monitor->look_ns = monitor->vmm->host->now_ns() + TERMINAL_WAKE_INTERVAL_NS;
        if (terminal_take_room_wanted(terminal)) {
            vm_terminal_ready(vm_of(view));
        }
    }
    return moved;
}

// Returns whether it moved something. The VM's bit in `talking` is cleared first: the VM tells of
// what it sends from now on. Two lines of a VM share what others have for one.
static bool move_guest(struct monitor *monitor, unsigned index, uint64_t now)
{
    struct vm *vm = monitor->vmm->vms[index];
    unsigned share = vm->hvc ? VM_SHARE / VM_LINES : VM_SHARE;
    unsigned moved = 0;
    __atomic_fetch_and(&monitor->vmm->talking, ~BIT(index), __ATOMIC_SEQ_CST);
    monitor->unfinished &= ~BIT(index);
    for (unsigned line = 0; line < VM_LINES; line++) {
        struct monitor_view *view = &monitor->views[index][line];
        struct terminal *terminal = vm_line_terminal(vm, view->line);
        if (!terminal) {
            continue;
        }
        moved += move_line(view, terminal, MIN(share, monitor->bytes_left), now);
        if (show_unfinished(view, terminal, now)) {
            monitor->unfinished |= BIT(index);
        }
    }
    return moved > 0;
}

// The first bit of `set` from bit `from` on; after the last bit comes bit 0. `set` is not empty.
static unsigned next_bit(uint64_t set, unsigned from)
{
    uint64_t behind = set & ~(BIT(from) - 1);
    return (unsigned)__builtin_ctzll(behind ? behind : set);
}

// Moves output of the VMs whose is_done() is `done`. Each turn starts after the VM that was moved
// last, so that a VM that fills the console cannot keep the others from it. Returns whether these
// VMs have no output left.
static bool move_guests(struct monitor *monitor, bool done, uint64_t now)
{
    uint64_t set = __atomic_load_n(&monitor->vmm->talking, __ATOMIC_SEQ_CST) | monitor->unfinished;
    unsigned first = monitor->next_vm;
    bool empty = true;
    while (set) {
        unsigned index = next_bit(set, first);
        struct vm *vm = monitor->vmm->vms[index];
        set &= ~BIT(index);
        if (is_done(vm) != done) {
            continue;
        }
        if (turn_is_over(monitor)) {
            return false;
        }
        if (move_guest(monitor, index, now)) {
            monitor->next_vm = (index + 1) % VMS_MAX;
        }
        empty = empty && !vm_has_output(vm) && !(monitor->unfinished & BIT(index));
    }
    return empty;
}

// Shows the log's next line. False: there is none, or the console has no room, or the turn is over.
static bool show_log_line(struct monitor *monitor, uint64_t now)
{
    char line[MONITOR_LOG_LINE];
    uint64_t position = monitor->log_position;
    if (turn_is_over(monitor) || !monitor->machine->log_next ||
        !monitor->machine->log_next(&position, line, sizeof(line))) {
        return false;
    }
    // The last output of a VM is shown before the line that the VM has ended. That line may be this
    // one, so all output of ended VMs is in the terminals by now.
    if (!move_guests(monitor, true, now) || !has_line_room(monitor)) {
        return false;
    }
    monitor->log_position = position;
    monitor->bytes_left -= MIN(monitor->bytes_left, strlen(line));
    if (monitor->attached) {
        monitor->missed_log_lines++;
    } else {
        monitor_print(monitor, line);
    }
    return true;
}

static void begin_turn(struct monitor *monitor)
{
    monitor->bytes_left = TURN_BYTES;
    monitor->turn_start = monitor->console->end;
    monitor->turn_end_ns = monitor->vmm->host->now_ns() + TURN_NS;
}

void monitor_move_output(struct monitor *monitor, uint64_t now)
{
    begin_turn(monitor);
    while (show_log_line(monitor, now)) {
    }
    move_guests(monitor, true, now);
    move_guests(monitor, false, now);
}

bool monitor_has_output(const struct monitor *monitor)
{
    const struct monitor_machine *machine = monitor->machine;
    if (console_guest_room(monitor->console) < LINE_ROOM) {
        return false;
    }
    return __atomic_load_n(&monitor->vmm->talking, __ATOMIC_RELAXED) != 0 ||
           (machine->log_end && machine->log_end() != monitor->log_position);
}

void monitor_flush_vm(struct monitor *monitor, const struct vm *vm)
{
    // Another CPU may have begun to write once more: what the terminals can hold is enough.
    size_t left = VM_LINES * TERMINAL_OUTPUT_BYTES + VM_SHARE;
    bool moved = true;
    while (left > 0 && moved) {
        begin_turn(monitor);
        moved = move_guest(monitor, vm->index, monitor->vmm->host->now_ns());
        left -= MIN(left, TURN_BYTES - monitor->bytes_left);
        console_flush(monitor->console);
    }
}

void monitor_flush(struct monitor *monitor)
{
    // Guests that still run may write for ever. It is enough to show what all terminals can hold.
    size_t left = (1 + (size_t)monitor->vmm->vm_count * VM_LINES) * TERMINAL_OUTPUT_BYTES;
    size_t moved;
    do {
        console_flush(monitor->console);
        monitor_move_output(monitor, monitor->vmm->host->now_ns());
        moved = TURN_BYTES - monitor->bytes_left;
        left -= MIN(left, moved);
    } while (left > 0 && moved > 0);
    console_flush(monitor->console);
}

uint64_t monitor_output_deadline(const struct monitor *monitor, uint64_t now)
{
    uint64_t deadline = monitor->look_ns > now ? monitor->look_ns : NEVER_NS;
    for (uint64_t set = monitor->unfinished; set; set &= set - 1) {
        const struct monitor_view *views = monitor->views[__builtin_ctzll(set)];
        for (unsigned line = 0; line < VM_LINES; line++) {
            if (views[line].text.length > 0) {
                deadline = MIN(deadline, views[line].last_byte_ns + SILENCE_NS);
            }
        }
    }
    return deadline;
}
