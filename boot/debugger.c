// SPDX-License-Identifier: MIT
// Serves GDB on a serial line.
#include "boot/debugger.h"

#include "arch/x86/log.h"
#include "arch/x86/time.h"
#include "drivers/serial_lines.h"
#include "vmm/console/console.h"
#include "vmm/console/line_editor.h"
#include "vmm/debug/gdb/gdb_server.h"
#include "vmm/debug/gdb/gdb_vms.h"
#include "vmm/debug/gdb/gdb_writer.h"
#include "vmm/debug/gdb/rsp_packet.h"
#include "vmm/monitor/monitor.h"
#include "vmm/util/console_choice.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/string.h"
#include "vmm/vm/vm.h"

static struct serial_line *line; // NULL: there is no debugger
static bool borrowed;            // the line is to become a console again
static struct gdb_vms vms;
static struct gdb_server server;
static struct monitor *owner;

// ---- The monitor's answers to GDB ----

static struct console capture;
static struct gdb_writer *answer; // where the text goes that the console shows

static size_t capture_write(struct console_output *output, const char *text, size_t length)
{
    (void)output;
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '\r') {
            gdb_write(answer, &text[i], 1);
        }
    }
    return length;
}

static size_t capture_room(struct console_output *output)
{
    (void)output;
    return SIZE_MAX;
}

static void run_command(const char *command, struct gdb_writer *to)
{
    char text[LINE_MAX_LENGTH + 1];
    text_copy(text, sizeof(text), command);
    answer = to;
    monitor_run_for(owner, &capture, text);
    console_flush(&capture);
}

// ---- The line ----

static int line_read(struct gdb_line *from)
{
    (void)from;
    return serial_line_read(line);
}

static size_t line_write(struct gdb_line *to, const char *bytes, size_t length)
{
    (void)to;
    return serial_line_write(line, bytes, length);
}

static struct gdb_line gdb_line = {.read = line_read, .write = line_write};

void debugger_take_line(unsigned choice)
{
    if (choice == 0) {
        return;
    }
    line = serial_lines_lend(choice);
    if (!line) {
        log_line("gdb=%s: there is no such serial line",
                 console_choice_word(choice & CONSOLE_CHOICES));
    }
}

void debugger_start(struct vmm *vmm, struct monitor *monitor, const struct console_machine *machine)
{
    static struct console_output output = {
        .write = capture_write, .room = capture_room, .columns = CONSOLE_COLUMNS};
    owner = monitor;
    console_init(&capture, machine);
    console_add(&capture, &output);
    gdb_vms_init(&vms, vmm, run_command);
    gdb_server_init(&server, &vms.target, &gdb_line);
}

static struct serial_line *find_line(const char *word)
{
    struct serial_line *only = serial_lines_used(0);
    if (!word) {
        return only && !serial_lines_used(1) ? only : NULL;
    }
    for (unsigned i = 0; serial_lines_used(i); i++) {
        if (text_equal(serial_line_word(serial_lines_used(i)), word)) {
            return serial_lines_used(i);
        }
    }
    return NULL;
}

enum status debugger_lend_line(const char *word, struct reason *why)
{
    const struct serial_line *wanted = find_line(word);
    if (line) {
        return refuse(why, STATUS_BUSY, "%s is the debugger's already", serial_line_word(line));
    }
    if (!wanted) {
        return refuse(why, STATUS_NOT_FOUND, "which line? 'machine' lists those that are used");
    }
    const char *name = serial_line_word(wanted);
    console_format(owner->console, "%s is GDB's now; Ctrl-] takes it back\n", name);
    console_flush(owner->console);
    serial_lines_flush();
    gdb_server_init(&server, &vms.target, &gdb_line);
    line = serial_lines_lend(console_choice_of(name, strlen(name)));
    borrowed = true;
    return STATUS_OK;
}

static void give_line_back(void)
{
    gdb_server_detach_all(&server);
    serial_line_take_back(line);
    log_line("gdb: %s is a console again", serial_line_word(line));
    line = NULL;
    borrowed = false;
}

uint64_t debugger_poll(void)
{
    if (!line) {
        return NEVER_NS;
    }
    uint64_t wait_ns = gdb_server_poll(&server);
    if (borrowed && server.left && rsp_is_idle(&server.rsp)) {
        give_line_back();
        return 0;
    }
    return wait_ns == NEVER_NS ? NEVER_NS : time_now_ns() + wait_ns;
}

bool debugger_is_wanted(void)
{
    return line && serial_line_has_input(line);
}
