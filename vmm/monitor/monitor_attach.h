// SPDX-License-Identifier: MIT
// The user connected to one guest.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm_lines.h"

struct monitor;
struct vm;

// Connects the terminal to a line that the VM has (`console`, focus=NAME). Bytes go both ways as
// they are, until Ctrl-] or the end of the VM.
void monitor_attach(struct monitor *monitor, struct vm *vm, enum vm_line line);

// Gives the guest that has the terminal what was typed. Returns whether there may be more input.
bool monitor_take_raw_input(struct monitor *monitor, uint64_t now);
// Takes the terminal from a guest that has ended.
void monitor_watch_attached(struct monitor *monitor);
// Drops what was typed for a guest that has ended, and tells the user. Enter after a pause leads to
// the prompt. Returns whether there may be more input.
bool monitor_drop_lost_input(struct monitor *monitor, uint64_t now);
