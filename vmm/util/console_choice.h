// SPDX-License-Identifier: MIT
// The devices that `console=` can choose, and their words.
#pragma once

#include "vmm/util/types.h"

// What is more than one device has a bit of its own.
#define CONSOLE_PCI_LINES 8
enum console_choice {
    CONSOLE_SERIAL = BIT(0), // all serial lines
    CONSOLE_SCREEN = BIT(1), // with its keyboard
    CONSOLE_SPCR = BIT(2),   // the serial line that ACPI's SPCR tells of
    CONSOLE_PCI = BIT(3),    // all lines of serial cards on PCI
    CONSOLE_COM1 = BIT(4),   // COM2 to COM4 have the bits above it
    CONSOLE_PCI0 = BIT(8),   // pci1 to pci7 have the bits above it
};

// The choice that a word of `length` bytes means; 0: none.
unsigned console_choice_of(const char *word, size_t length);

// The word for a choice. Of several choices it is the word that names the fewest devices; of none
// it is "".
const char *console_choice_word(unsigned choices);
