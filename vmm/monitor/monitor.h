// SPDX-License-Identifier: MIT
// The monitor: the user's command line, and the way of guests' output to the console.
#pragma once

#include "vmm/console/console.h"
#include "vmm/console/key_parser.h"
#include "vmm/console/line_editor.h"
#include "vmm/console/line_filter.h"
#include "vmm/monitor/inspect.h"
#include "vmm/vm/vm.h"

#define MONITOR_PROMPT "husk> "
#define MONITOR_DETACH_KEY KEY_CTRL(']')
#define MONITOR_LOG_LINE 256
#define MONITOR_LINE_BYTES 200 // of a guest's line; a longer one is shown in pieces

// What the monitor asks of the machine. Entries may be NULL where the comment says so.
struct monitor_machine {
    const char *version;     // one line for `version`
    void (*power_off)(void); // return only if the machine refused
    void (*reboot)(void);
    // Copies the log's next line and moves `position` past it; position 0 is the oldest line that
    // is left; false at the end. NULL: there is no log.
    bool (*log_next)(uint64_t *position, char *line, size_t size);
    // A few words on a CPU for `cpus`: its APIC id, what it lacks. May be NULL.
    void (*describe_cpu)(unsigned cpu, char *text, size_t size);
};

// How the monitor shows a VM's output; one for each VM, by the VM's index in vmm.vms.
struct monitor_view {
    struct line_filter filter;
    char line[MONITOR_LINE_BYTES]; // what is not shown yet
    uint32_t line_length;
    bool cut; // the start of this line was shown after a silence
    uint64_t last_byte_ns;
    unsigned missed_lines; // while the user was connected to another VM
};

struct monitor {
    struct vmm *vmm;
    struct console *console;
    const struct monitor_machine *machine;
    int (*read_byte)(void);
    struct line_editor editor;
    struct line_sink sink; // lines of a command's answer
    bool prompt_shown;
    struct monitor_view views[VMS_MAX];
    uint64_t log_position;
    unsigned next_vm; // whose output is moved first at the next poll

    struct vm *attached; // NULL: at the prompt
    bool input_waits;    // `waiting_byte` found no room at `waiting_since_ns`
    uint8_t waiting_byte;
    uint64_t waiting_since_ns;
    uint64_t dropped_bytes;    // since the guest stopped reading
    unsigned missed_log_lines; // while connected
    uint8_t scratch[INSPECT_READ_MAX];
};

// `read_byte` gives the next typed byte, -1 if there is none, and never waits. Nothing is shown
// before the first monitor_poll, which also shows the lines of the log from now on.
void monitor_init(struct monitor *monitor, struct vmm *vmm, struct console *console,
                  const struct monitor_machine *machine, int (*read_byte)(void));

// Shows new log lines, moves guests' output, handles what was typed; never waits, except for a
// command's own long answer. Returns the host time at which it wants to be called again at the
// latest: 0 at once, NEVER_NS when only input or output of a guest can bring work.
uint64_t monitor_poll(struct monitor *monitor);

// One line of Husk's own for the user, without its newline, around the line being edited.
void monitor_print(struct monitor *monitor, const char *text);

// Connects the terminal to the VM, raw both ways, until Ctrl-] or its end: `console`, focus=NAME.
void monitor_attach(struct monitor *monitor, struct vm *vm);

// Shows everything that guests have sent so far and waits until the outputs have it: before the
// machine is switched off.
void monitor_flush(struct monitor *monitor);
