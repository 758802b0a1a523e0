// SPDX-License-Identifier: MIT
// The kernel's log: lines with a time stamp. A ring keeps them, and each is shown when it comes.
#pragma once

#include "vmm/util/types.h"

#define LOG_LINE_BYTES 256 // a longer line is cut

// Logs one line, which has no newline. From any CPU, also with interrupts off. If an NMI or machine
// check interrupts the log and logs itself, its line is dropped. The log then says how many lines
// it lacks.
void log_line(const char *format, ...) PRINTF_LIKE(1, 2);

// Sets the function that gets each line, with time stamp and newline. NULL: none.
void log_set_output(void (*output)(const char *text, size_t length));

// Sets the clock: nanoseconds since boot. Before that the time stamps are 0.
void log_set_clock(uint64_t (*now_ns)(void));

// Copies the next line from the ring, without its newline, and moves `position` behind it. Position
// 0 is the oldest line in the ring. False at the end.
bool log_next(uint64_t *position, char *line, size_t size);

// The position behind the last line.
uint64_t log_end(void);
