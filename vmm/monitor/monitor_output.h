// SPDX-License-Identifier: MIT
// Guests' output and the log, on their way to the console.
#pragma once

#include "vmm/util/types.h"
#include "vmm/vm/vm.h"
#include "vmm/vm/vm_lines.h"

struct monitor;
struct monitor_view;

// Shows new lines of the log, and moves a share of each VM's output. The work of one call is
// bounded, whatever there is to show.
void monitor_move_output(struct monitor *monitor, uint64_t now);
// Whether there are new lines of the log or output of guests, and room for them.
bool monitor_has_output(const struct monitor *monitor);
// The host time of the next look: when a guest's unfinished line is to be shown, or when output may
// have come without waking this CPU. NEVER_NS: neither.
uint64_t monitor_output_deadline(const struct monitor *monitor, uint64_t now);

// What names the line behind the VM's name; "" for the UART.
const char *monitor_line_suffix(enum vm_line line);
// Makes the line's next byte the first of a line. What is not shown yet is dropped.
void monitor_view_init(struct monitor_view *view);
// The columns for a guest's text behind a mark of Husk's of that many columns.
size_t monitor_text_width(const struct monitor *monitor, size_t mark);

// Shows what a VM that was stopped or paused has sent. Waits for the outputs.
void monitor_flush_vm(struct monitor *monitor, const struct vm *vm);
// Shows everything that guests have sent so far, and waits until the outputs have taken it. Called
// before the machine is switched off.
void monitor_flush(struct monitor *monitor);

// Whether the VM sends nothing more unless it is started again.
static inline bool monitor_is_over(const struct vm *vm)
{
    return vm->state == VM_OFF || vm->state == VM_ENDED || vm->state == VM_STOPPING;
}
