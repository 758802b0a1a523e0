// SPDX-License-Identifier: MIT
// Where Husk's text goes and where typing comes from: the serial lines, the screen and its
// keyboard.
#pragma once

#include "vmm/util/types.h"

struct acpi_info;
struct boot_info;
struct console;

// COM1, by polling: usable before anything else. Log and panic go there from now on.
void consoles_start_serial(void);

// With memory mapped: the screen, as text or as pixels, if the boot loader tells of one; `chosen`
// is enum console_choice. What the log has so far is shown on it.
void consoles_start_screen(const struct boot_info *info, unsigned chosen);

// With ACPI read: the serial lines that are found and chosen, each with the log so far. Where
// nothing of what is chosen is there, all that is found is used, or nobody would see why.
void consoles_choose_serial(const struct boot_info *info, const struct acpi_info *acpi,
                            unsigned chosen);

// With interrupts routed: the serial lines and the keyboard work by interrupt, and the log goes by
// way of the monitor. `console` gets an output for each device.
void consoles_hand_over(struct console *console);

// Before the machine is switched off: waits until all text is out; the log goes straight to the
// devices again.
void consoles_take_back(void);

// The next typed byte, -1: none. To be called at least every consoles_poll_ns: not all devices have
// an interrupt that comes.
int consoles_read(void);
uint64_t consoles_poll_ns(void);
// Waits until the devices have sent all they were given.
void consoles_flush(void);
