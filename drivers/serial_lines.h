// SPDX-License-Identifier: MIT
// The machine's serial lines: which there are, which are used, and all of those as one.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct serial_line;

// COM1, by polling: usable before anything else.
void serial_lines_start(void);

// With memory mapped: COM2 to COM4, the cards on PCI, and what the SPCR tells of.
void serial_lines_find(const struct acpi_info *acpi);

// Uses the lines that are among `chosen` (enum console_choice) and no others; one that was not used
// before is given the log so far. Whether there is one.
bool serial_lines_choose(unsigned chosen);
// Logs which lines there are and which of `chosen` are missing.
void serial_lines_report(unsigned chosen);

// Text of the log, at once, on all lines that are used: '\n' becomes "\r\n". Needs no lock.
void serial_lines_write_directly(const char *text, size_t length);

// With interrupts routed: the lines that are used work by interrupt where they have one.
void serial_lines_start_interrupts(void);

// The used lines one after the other, from number 0 on; NULL: there are no more.
struct serial_line *serial_lines_used(unsigned number);
// Takes what it can at once and returns how much it took; room is how much it would take now.
size_t serial_line_write(struct serial_line *line, const char *text, size_t length);
size_t serial_line_room(struct serial_line *line);

// Whether a line is used that nothing but serial_lines_read serves.
bool serial_lines_are_polled(void);
// The next byte that came in on any of them, -1: none.
int serial_lines_read(void);
// Waits until all have sent what they were given.
void serial_lines_flush(void);
