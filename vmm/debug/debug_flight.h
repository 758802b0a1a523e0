// SPDX-License-Identifier: MIT
// The last exits of a vCPU: the monitor's `flight`, and the end of a panic.
#pragma once

#include "vmm/util/status.h"

struct line_sink;
struct scheduler;
struct vm;

// Shows the last FLIGHT_EXITS exits of vCPU `index`, the oldest first. STATUS_RANGE: the VM has no
// such vCPU. STATUS_BUSY: it is off or starting, or its CPU does not answer. STATUS_NO_MEMORY:
// there is none for a copy.
enum status debug_flight(struct vm *vm, unsigned index, struct line_sink *sink, struct reason *why);

// For a panic on the scheduler's CPU: shows the last exits of the vCPU that runs there, if one
// does. `scheduler` may be NULL.
void debug_flight_last(const struct scheduler *scheduler, void (*line)(const char *text));
