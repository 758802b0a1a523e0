// SPDX-License-Identifier: MIT
// One turn of the monitor: first output, then input, then the prompt again.
#include "vmm/monitor/monitor.h"

#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/host.h"
#include "vmm/monitor/inspect.h"
#include "vmm/monitor/monitor_internal.h"
#include "vmm/util/types.h"
#include "vmm/vm/terminal.h"
#include "vmm/vm/vm.h"

#define INPUT_SHARE 64              // typed bytes that one turn takes
#define FLUSH_TURN_BYTES 32         // guests' bytes that one turn moves at least
#define PUMP_INTERVAL_NS 1000000ULL // between turns while an output has not taken everything

static struct monitor *monitor_of(struct line_editor *editor)
{
    return container_of(editor, struct monitor, editor);
}

static void editor_echo(struct line_editor *editor, const char *text, size_t length)
{
    console_write(monitor_of(editor)->console, text, length);
}

static const struct line_editor_owner editor_owner = {
    .echo = editor_echo,
    .complete = monitor_complete,
};

static void sink_line(struct line_sink *sink, const char *text)
{
    struct monitor *monitor = container_of(sink, struct monitor, sink);
    console_format(monitor->console, "%s\n", text);
}

// boot/ has already shown the log's lines up to now.
static void skip_log(struct monitor *monitor)
{
    char line[MONITOR_LOG_LINE];
    while (monitor->machine->log_next &&
           monitor->machine->log_next(&monitor->log_position, line, sizeof(line))) {
    }
}

void monitor_init(struct monitor *monitor, struct vmm *vmm, struct console *console,
                  const struct monitor_machine *machine, int (*read_byte)(void))
{
    monitor->vmm = vmm;
    monitor->console = console;
    monitor->machine = machine;
    monitor->read_byte = read_byte;
    monitor->sink.line = sink_line;
    monitor->sink.columns = console_columns(console);
    monitor->prompt_shown = false;
    monitor->log_position = 0;
    monitor->next_vm = 0;
    monitor->attached = NULL;
    monitor->lost = NULL;
    monitor->input_waits = false;
    monitor->dropped_bytes = 0;
    monitor->missed_log_lines = 0;
    for (unsigned i = 0; i < VMS_MAX; i++) {
        monitor->views[i] = (struct monitor_view){.monitor = monitor};
        monitor_view_init(&monitor->views[i]);
    }
    line_editor_init(&monitor->editor, &editor_owner, MONITOR_PROMPT);
    skip_log(monitor);
}

void monitor_hide_prompt(struct monitor *monitor)
{
    if (monitor->prompt_shown) {
        line_editor_hide(&monitor->editor);
        monitor->prompt_shown = false;
    }
}

static void show_prompt(struct monitor *monitor)
{
    if (!monitor->prompt_shown) {
        line_editor_show(&monitor->editor);
        monitor->prompt_shown = true;
    }
}

// Returns whether there may be more input: the share was used up, or a line was run.
static bool take_line_input(struct monitor *monitor)
{
    for (unsigned i = 0; i < INPUT_SHARE; i++) {
        int byte = monitor->read_byte();
        if (byte < 0) {
            return false;
        }
        show_prompt(monitor);
        if (line_editor_byte(&monitor->editor, (uint8_t)byte) == LINE_READY) {
            monitor->prompt_shown = false;
            monitor_execute(monitor, monitor->editor.text);
            line_editor_next(&monitor->editor);
            return true;
        }
    }
    return true;
}

uint64_t monitor_poll(struct monitor *monitor)
{
    uint64_t now = monitor->vmm->host->now_ns();
    bool more;
    console_pump(monitor->console);
    monitor_move_output(monitor, now);
    monitor_watch_attached(monitor);
    if (monitor->attached) {
        more = monitor_take_raw_input(monitor, now);
    } else if (monitor->lost) {
        more = monitor_drop_lost_input(monitor, now);
    } else {
        more = take_line_input(monitor);
    }
    if (!monitor->attached && !monitor->lost) {
        show_prompt(monitor);
    }
    console_pump(monitor->console);
    if (more) {
        return 0;
    }
    if (console_backlog(monitor->console) > 0 || monitor->input_waits) {
        return now + PUMP_INTERVAL_NS;
    }
    return monitor_output_deadline(monitor, now);
}

void monitor_print(struct monitor *monitor, const char *text)
{
    monitor_hide_prompt(monitor);
    // The guest that has the terminal may have left the cursor anywhere.
    console_format(monitor->console, monitor->attached ? "\n%s\n" : "%s\n", text);
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
