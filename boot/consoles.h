// SPDX-License-Identifier: MIT
// Where Husk's text goes, and where typing comes from: the serial lines, the screen and its
// keyboards.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct boot_info;
struct console;
struct line_sink;

// Starts COM1 by polling. It needs nothing else. The log and panics go there from now on.
void consoles_start_serial(void);

// Call it when paging works. Starts the screen, as text or as pixels, if the boot loader tells of
// one and `chosen` (enum console_choice) has it. The screen shows the log so far.
void consoles_start_screen(const struct boot_info *info, unsigned chosen);

// Call it when ACPI has been read. Starts the serial lines that are found and chosen; each is given
// the log so far. If no chosen device exists, all that are found are used, so that somebody can see
// why. The line of `for_gdb`, which is 0 or one of the choices, becomes no console.
void consoles_choose_serial(const struct boot_info *info, const struct acpi_info *acpi,
                            unsigned chosen, unsigned for_gdb);

// Call it when interrupts are routed. The serial lines and the keyboard then work by interrupt, and
// the log goes through the monitor. `console` gets an output for each device.
void consoles_hand_over(struct console *console);

// Shows which devices there are, and which are used.
void consoles_describe(struct line_sink *sink);

// Call it before the machine is switched off. Waits until all text is out. The log then goes
// straight to the devices again. USB keyboards stop.
void consoles_take_back(void);

// Call both functions at least every consoles_poll_ns, because some devices have no interrupt that
// comes. The first one serves USB keyboards, the other gives the next typed byte; -1: none.
void consoles_poll(void);
int consoles_read(void);
uint64_t consoles_poll_ns(void);
// Whether consoles_read would give one, from a device with interrupts or a USB keyboard.
bool consoles_have_input(void);
// Draws on the screen for one turn, if one is due. Returns when the next one is, in ns; NEVER_NS:
// the screen shows all text.
uint64_t consoles_draw(void);
// Waits until the devices have sent all text, and the screen shows it.
void consoles_flush(void);
