// SPDX-License-Identifier: MIT
// One turn of the monitor: first output, then input, then the prompt again.
#include "vmm/monitor/monitor.h"

#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/host.h"
#include "vmm/monitor/monitor_attach.h"
#include "vmm/monitor/monitor_line.h"
#include "vmm/monitor/monitor_output.h"
#include "vmm/monitor/monitor_prompt.h"
#include "vmm/util/types.h"
#include "vmm/vm/vm.h"

#define INPUT_SHARE 64               // typed bytes that one turn takes
#define INPUT_CELLS 512              // of the console, that one turn fills with their echo
#define PUMP_INTERVAL_NS 10000000ULL // between turns while an output has not taken everything

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
    .complete = monitor_line_complete,
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
    monitor->elsewhere = false;
    monitor->prompt_shown = false;
    monitor->log_position = 0;
    monitor->next_vm = 0;
    monitor->muted = 0;
    monitor->unfinished = 0;
    monitor->look_ns = 0;
    monitor->attached = NULL;
    monitor->lost = NULL;
    monitor->input_waits = false;
    monitor->dropped_bytes = 0;
    monitor->missed_log_lines = 0;
    for (unsigned i = 0; i < VMS_MAX; i++) {
        for (unsigned line = 0; line < VM_LINES; line++) {
            struct monitor_view *view = &monitor->views[i][line];
            *view =
                (struct monitor_view){.monitor = monitor, .index = i, .line = (enum vm_line)line};
            monitor_view_init(view);
        }
    }
    line_editor_init(&monitor->editor, &editor_owner, MONITOR_PROMPT);
    skip_log(monitor);
}

// Returns whether there may be more input: the share was used up, or a line was run.
static bool take_line_input(struct monitor *monitor)
{
    uint32_t start = monitor->console->end;
    for (unsigned i = 0; i < INPUT_SHARE && monitor->console->end - start < INPUT_CELLS; i++) {
        int byte = monitor->read_byte();
        if (byte < 0) {
            return false;
        }
        monitor_prompt_show(monitor);
        if (line_editor_byte(&monitor->editor, (uint8_t)byte) == LINE_READY) {
            monitor->prompt_shown = false;
            monitor_line_run(monitor, monitor->editor.text);
            line_editor_next(&monitor->editor);
            return true;
        }
    }
    return true;
}

bool monitor_is_wanted(const struct monitor *monitor)
{
    const struct monitor_machine *machine = monitor->machine;
    return (machine->has_input && machine->has_input() && !monitor->input_waits) ||
           console_wants_pump(monitor->console) || monitor_has_output(monitor);
}

static uint64_t deadline(const struct monitor *monitor, uint64_t now)
{
    uint64_t output_ns = monitor_output_deadline(monitor, now);
    bool waits = console_backlog(monitor->console) > 0 || monitor->input_waits;
    return waits ? MIN(output_ns, now + PUMP_INTERVAL_NS) : output_ns;
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
        monitor_prompt_show(monitor);
    }
    console_pump(monitor->console);
    return more || monitor_is_wanted(monitor) ? 0 : deadline(monitor, now);
}

void monitor_run_for(struct monitor *monitor, struct console *console, char *line)
{
    struct console *own = monitor->console;
    monitor->console = console;
    monitor->elsewhere = true;
    monitor_line_run(monitor, line);
    monitor->elsewhere = false;
    monitor->console = own;
}

void monitor_finish(struct monitor *monitor)
{
    monitor_flush(monitor);
    monitor_watch_attached(monitor);
    console_flush(monitor->console);
}
