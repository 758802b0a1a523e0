// SPDX-License-Identifier: MIT
// The machine's serial lines, the choice among them, and all used ones as one.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct serial_line;

// Starts COM1 by polling. It needs nothing else.
void serial_lines_start(void);

// Call it when paging works. Finds COM2 to COM4, the cards on PCI, and the line of the SPCR. Those
// that `chosen` (enum console_choice) has unprobed are taken as they are, COM1 too.
void serial_lines_find(const struct acpi_info *acpi, unsigned chosen);

// Uses only the lines in `chosen` (enum console_choice). A line that was not used before is given
// the log so far. False: none of them exists.
bool serial_lines_choose(unsigned chosen);
// Logs the lines that exist, and the members of `chosen` that do not.
void serial_lines_report(unsigned chosen);
// Gives the text of the next line that exists. `*next` must be 0 at the first call. False: there
// are no more.
bool serial_lines_describe(unsigned *next, char *text, size_t size);

// Writes text of the log at once to all used lines: '\n' becomes "\r\n". Needs no lock.
void serial_lines_write_directly(const char *text, size_t length);

// Call it when interrupts are routed. The used lines then work by interrupt if they have one.
void serial_lines_start_interrupts(void);

// Takes the line with that choice (enum console_choice) out of the console, for somebody else who
// alone reads and writes it. NULL: there is no such line, or it is lent already.
struct serial_line *serial_lines_lend(unsigned choice);
// Ends that: the line shows the console again.
void serial_line_take_back(struct serial_line *line);
bool serial_line_is_lent(const struct serial_line *line);
const char *serial_line_word(const struct serial_line *line); // its name in console=
// For a line that is lent, as the functions for all used lines below.
int serial_line_read(struct serial_line *line);
bool serial_line_has_input(const struct serial_line *line);

// The used line of that number, counted from 0. NULL: there are no more.
struct serial_line *serial_lines_used(unsigned number);
// serial_line_write takes as much as it can at once and returns how much. serial_line_room is how
// much it would take now.
size_t serial_line_write(struct serial_line *line, const char *text, size_t length);
size_t serial_line_room(struct serial_line *line);

// Whether one of the lines in use, a lent one too, is served only when it is read.
bool serial_lines_are_polled(void);
// The next byte from any used line. -1: none.
int serial_lines_read(void);
// Whether serial_lines_read would give one, of those that came by interrupt.
bool serial_lines_have_input(void);
// Waits until all used lines have sent their text.
void serial_lines_flush(void);
