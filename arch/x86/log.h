// SPDX-License-Identifier: MIT
// The kernel's log: lines with a time stamp, kept in a ring and shown as they come.
#pragma once

#include "vmm/util/types.h"

#define LOG_LINE_BYTES 256 // a longer line is cut

// One line without its newline. From any CPU, also with interrupts off; from an NMI or machine
// check that interrupts the log itself the line is dropped and counted.
void log_line(const char *format, ...) PRINTF_LIKE(1, 2);

// Where each line goes as it comes, time stamp and newline included. NULL: nowhere.
void log_set_output(void (*output)(const char *text, size_t length));

// Nanoseconds since boot. Until it is set the time stamps are 0.
void log_set_clock(uint64_t (*now_ns)(void));

// Copies the next line from the ring (no newline) and moves `position` past it; 0 is the oldest
// line that is left. False at the end.
bool log_next(uint64_t *position, char *line, size_t size);

// Lines that were dropped, as log_line says.
uint64_t log_dropped(void);
