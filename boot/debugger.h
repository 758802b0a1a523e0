// SPDX-License-Identifier: MIT
// The debugger's serial line: joins it, the server of GDB's protocol, the VMs and the monitor.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct console_machine;
struct monitor;
struct vmm;

// Takes the line of `choice` (enum console_choice; 0: none) for GDB, for ever. Call it when the
// lines are found, before a console is chosen.
void debugger_take_line(unsigned choice);
void debugger_start(struct vmm *vmm, struct monitor *monitor,
                    const struct console_machine *machine);

// Gives a line of the console to GDB until GDB has detached, or somebody types Ctrl-] on it: the
// line with that word after console=, or, if it is NULL, the only line.
MUST_CHECK enum status debugger_lend_line(const char *word, struct reason *why);

// One turn. Returns the host time of the next one if nothing comes on the line until then.
uint64_t debugger_poll(void);
// Whether something has come on the line.
bool debugger_is_wanted(void);
