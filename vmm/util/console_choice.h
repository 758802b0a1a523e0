// SPDX-License-Identifier: MIT
// The devices that `console=` can choose, and their words.
#pragma once

#include "vmm/util/types.h"

// A choice that stands for several devices has a bit of its own.
#define CONSOLE_PCI_LINES 8
enum console_choice {
    CONSOLE_SERIAL = BIT(0), // all serial lines
    CONSOLE_SCREEN = BIT(1), // with its keyboard
    CONSOLE_SPCR = BIT(2),   // the serial line that ACPI's SPCR tells of
    CONSOLE_PCI = BIT(3),    // all lines of serial cards on PCI
    CONSOLE_COM1 = BIT(4),   // COM2 to COM4 have the bits above it
    CONSOLE_PCI0 = BIT(8),   // pci1 to pci7 have the bits above it
};
#define CONSOLE_CHOICES 0xffffu

// The choices that were written with '!' behind the word of one serial line: "com1!". That line is
// taken without asking its chip whether it is a UART.
#define CONSOLE_UNPROBED_SHIFT 16

// The choice for a word of `length` bytes, with its bit of CONSOLE_UNPROBED_SHIFT if it ends with
// '!'. 0: there is no such word.
unsigned console_choice_of(const char *word, size_t length);

// Whether the choice is one serial line, with or without its bit of CONSOLE_UNPROBED_SHIFT.
bool console_choice_is_line(unsigned choice);

// The word for a choice. For several choices it is the word for the fewest devices; for no choice
// it is "".
const char *console_choice_word(unsigned choices);
