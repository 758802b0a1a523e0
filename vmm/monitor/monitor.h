// SPDX-License-Identifier: MIT
// The monitor: the user's command line, and the display of guests' output.
#pragma once

#include "vmm/console/guest_text.h"
#include "vmm/console/key_parser.h"
#include "vmm/console/line_editor.h"
#include "vmm/monitor/inspect.h"
#include "vmm/util/line_sink.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_lines.h"

struct console;

#define MONITOR_PROMPT "husk> "
#define MONITOR_DETACH_KEY KEY_CTRL(']')
#define MONITOR_LOG_LINE 256

// What the monitor asks of the machine.
struct monitor_machine {
    const char *version;     // one line for `version`
    void (*power_off)(void); // returns only if the machine refused
    void (*reboot)(void);    // likewise
    // Copies the log's next line and moves `position` past it. Position 0 is the oldest line that
    // the log still has. False: there is no next line. The entry may be NULL: there is no log.
    bool (*log_next)(uint64_t *position, char *line, size_t size);
    uint64_t (*log_end)(void); // the position behind the last line; NULL: there is no log
    bool (*has_input)(void);   // whether read_byte would give one now; NULL: it is never known
    // A few words on a CPU for `cpus`: its APIC id, what it lacks. The entry may be NULL.
    void (*describe_cpu)(unsigned cpu, char *text, size_t size);
    void (*describe)(struct line_sink *sink); // a page on the machine; NULL: nobody knows it
    // Gives a serial line to gdb, by its word in console=; NULL: the only one. It tells the user on
    // the console. The entry may be NULL: there are none.
    MUST_CHECK enum status (*lend_line)(const char *word, struct reason *why);
};

// How the monitor shows what a VM prints on one of its lines.
struct monitor_view {
    struct monitor *monitor;
    unsigned index; // of the VM in vmm.vms
    enum vm_line line;
    struct guest_text text; // what is not shown yet
    uint64_t last_byte_ns;
    unsigned missed_lines; // lines that were not shown because the user was connected to a VM
};

struct monitor {
    struct vmm *vmm;
    struct console *console;
    const struct monitor_machine *machine;
    int (*read_byte)(void);
    struct line_editor editor;
    struct line_sink sink; // takes the lines of a command's answer
    bool elsewhere;        // the command at hand answers gdb, not the prompt
    bool prompt_shown;
    struct monitor_view views[VMS_MAX][VM_LINES];
    uint64_t muted; // a set of VMs: those whose lines go to their logs only
    uint64_t log_position;
    unsigned next_vm;    // the VM whose output the next turn moves first
    uint64_t unfinished; // a set of VMs: those whose view has text that is not shown yet
    uint64_t look_ns;    // host time up to which VMs may send without waking CPU 0
    unsigned bytes_left; // that this turn may still move
    uint32_t turn_start; // position in the console at which this turn began
    uint64_t turn_end_ns;

    struct vm *attached; // the VM that has the terminal; NULL: the user is at the prompt
    enum vm_line attached_line;
    // The VM that ended while it had the terminal. What is typed is for its guest until the user
    // knows. NULL: the user is at the prompt, or connected to a VM.
    const struct vm *lost;
    bool loss_told;
    uint64_t lost_byte_ns; // host time of the last byte that was dropped for `lost`
    bool input_waits;      // the guest had no room for `waiting_byte` at `waiting_since_ns`
    uint8_t waiting_byte;
    uint64_t waiting_since_ns;
    uint64_t dropped_bytes;    // typed since the guest stopped reading
    unsigned missed_log_lines; // while the user was connected to a VM
    uint8_t scratch[INSPECT_READ_MAX];
};

// `read_byte` gives the next typed byte, or -1 if there is none. It never waits. The monitor shows
// nothing before the first monitor_poll. It shows the log's lines from now on.
void monitor_init(struct monitor *monitor, struct vmm *vmm, struct console *console,
                  const struct monitor_machine *machine, int (*read_byte)(void));

// One turn: shows new lines of the log, moves guests' output, handles input. Its work is bounded;
// while a command writes a long answer, the console lets others have the CPU (console_machine).
// Returns the host time of the next call: 0 is at once, NEVER_NS is when monitor_is_wanted.
uint64_t monitor_poll(struct monitor *monitor);
// Runs a command line, which it changes, for somebody who is not at the prompt. What it says goes
// to `console`. To be called between two turns.
void monitor_run_for(struct monitor *monitor, struct console *console, char *line);
// Before the machine goes: shows all output, and how the VM ended that had the terminal.
void monitor_finish(struct monitor *monitor);
// Whether there is a reason for a turn before the time that monitor_poll returned: input, or output
// and room for it. Cheap.
bool monitor_is_wanted(const struct monitor *monitor);
