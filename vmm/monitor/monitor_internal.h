// SPDX-License-Identifier: MIT
// What the files of the monitor share among themselves.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm.h"

struct line_editor;
struct monitor;
struct monitor_view;

#define MONITOR_WORDS_MAX 8 // more than any command takes

// ---- monitor.c ----
void monitor_hide_prompt(struct monitor *monitor);

// ---- monitor_output.c ----
// Shows new lines of the log, and moves a share of each VM's output.
void monitor_move_output(struct monitor *monitor, uint64_t now);
// The host time of the next look: when a guest's unfinished line is to be shown, or when output may
// have come without waking this CPU. NEVER_NS: neither.
uint64_t monitor_output_deadline(const struct monitor *monitor, uint64_t now);

// How the monitor shows the VM's output.
struct monitor_view *monitor_view_of(struct monitor *monitor, const struct vm *vm);
// Makes the VM's next byte the first of a line. What is not shown yet is dropped.
void monitor_view_init(struct monitor_view *view);
// The columns for a guest's text behind a mark of Husk's of that many columns.
size_t monitor_text_width(const struct monitor *monitor, size_t mark);

// Whether the VM sends nothing more unless it is started again.
static inline bool monitor_is_over(const struct vm *vm)
{
    return vm->state == VM_OFF || vm->state == VM_ENDED;
}

// ---- monitor_attach.c ----
// Gives the guest that has the terminal what was typed. Returns whether there may be more input.
bool monitor_take_raw_input(struct monitor *monitor, uint64_t now);
// Takes the terminal from a guest that has ended.
void monitor_watch_attached(struct monitor *monitor);
// Drops what was typed for a guest that has ended, and tells the user. Enter after a pause leads to
// the prompt. Returns whether there may be more input.
bool monitor_drop_lost_input(struct monitor *monitor, uint64_t now);

// ---- monitor_commands.c ----
struct arguments {
    unsigned count; // the command itself does not count
    const char *words[MONITOR_WORDS_MAX];
};

enum completion_kind { COMPLETE_NOTHING, COMPLETE_COMMAND, COMPLETE_VM, COMPLETE_STARTABLE };

struct command {
    const char *name;
    const char *arguments; // as `help` shows them
    const char *help;      // one line
    const char *more;      // further lines of `help COMMAND`, may be NULL
    unsigned minimum;      // number of arguments
    unsigned maximum;
    bool takes_rest;                 // the last argument is the rest of the line, with its blanks
    enum completion_kind completion; // of the first argument
    void (*handler)(struct monitor *monitor, const struct arguments *arguments);
};

// Runs one line. Writes NULs between its words.
void monitor_execute(struct monitor *monitor, char *line);
// `complete` of struct line_editor_owner.
const char *monitor_complete(struct line_editor *editor, size_t word, unsigned index);

// ---- monitor_names.c ----
// Candidate `index` of that kind; NULL past the last.
const char *monitor_name(const struct monitor *monitor, enum completion_kind kind, unsigned index);
// The candidate that is most like `word`; NULL: none is like it.
const char *monitor_near_miss(const struct monitor *monitor, enum completion_kind kind,
                              const char *word);
const struct command *monitor_command_at(unsigned index); // NULL past the last
const struct command *monitor_command_find(const char *name);
// The VM of that name. NULL: there is none, and the user was told.
struct vm *monitor_find_vm(struct monitor *monitor, const char *name);

// ---- monitor_text.c ----
#define MONITOR_TEXT_BYTES 200

struct monitor_text {
    char text[MONITOR_TEXT_BYTES];
};

struct monitor_text monitor_size_text(uint64_t bytes);     // "512 MiB"
struct monitor_text monitor_duration_text(uint64_t ns);    // "1:02:03"
struct monitor_text monitor_end_text(const struct vm *vm); // why the VM is off or ended

// ---- monitor_commands_vm.c ----
void command_vms(struct monitor *monitor, const struct arguments *arguments);
void command_start(struct monitor *monitor, const struct arguments *arguments);
void command_stop(struct monitor *monitor, const struct arguments *arguments);
void command_pause(struct monitor *monitor, const struct arguments *arguments);
void command_resume(struct monitor *monitor, const struct arguments *arguments);
void command_reset(struct monitor *monitor, const struct arguments *arguments);
void command_mute(struct monitor *monitor, const struct arguments *arguments);
void command_unmute(struct monitor *monitor, const struct arguments *arguments);
void command_console(struct monitor *monitor, const struct arguments *arguments);

// ---- monitor_commands_inspect.c ----
void command_regs(struct monitor *monitor, const struct arguments *arguments);
void command_read(struct monitor *monitor, const struct arguments *arguments);
void command_exits(struct monitor *monitor, const struct arguments *arguments);
void command_log(struct monitor *monitor, const struct arguments *arguments);

// ---- monitor_commands_input.c ----
void command_screen(struct monitor *monitor, const struct arguments *arguments);
void command_type(struct monitor *monitor, const struct arguments *arguments);
void command_powerbutton(struct monitor *monitor, const struct arguments *arguments);

// ---- monitor_commands_machine.c ----
void command_cpus(struct monitor *monitor, const struct arguments *arguments);
void command_memory(struct monitor *monitor, const struct arguments *arguments);
void command_reboot(struct monitor *monitor, const struct arguments *arguments);
void command_poweroff(struct monitor *monitor, const struct arguments *arguments);
void command_version(struct monitor *monitor, const struct arguments *arguments);
