// SPDX-License-Identifier: MIT
// The table of commands.
#pragma once

#include "vmm/util/types.h"

struct arguments;
struct monitor;

enum completion_kind { COMPLETE_NOTHING, COMPLETE_COMMAND, COMPLETE_VM, COMPLETE_STARTABLE };

struct command {
    const char *name;
    const char *arguments; // as `help` shows them
    const char *help;      // one line
    const char *more;      // further lines of `help COMMAND`, may be NULL
    unsigned minimum;      // number of arguments
    unsigned maximum;
    bool takes_rest;                 // the last argument is the rest of the line, with its blanks
    bool prompt_only;                // not for monitor_run_for
    enum completion_kind completion; // of the first argument
    void (*handler)(struct monitor *monitor, const struct arguments *arguments);
};

const struct command *monitor_command_at(unsigned index); // NULL past the last
const struct command *monitor_command_find(const char *name);
// Tells the user that there is no command of that name.
void monitor_command_missing(struct monitor *monitor, const char *name);
// Prints the command and its arguments, with spaces up to `width` characters.
void monitor_command_usage(struct monitor *monitor, const struct command *command, size_t width);
