// SPDX-License-Identifier: MIT
// A serial line, and the search for this machine's lines.
#pragma once

#include "arch/x86/pci.h"
#include "vmm/util/types.h"

struct acpi_info;

#define SERIAL_LINES_MAX 13 // COM1 to COM4, pci0 to pci7, the line of the SPCR
#define SERIAL_NO_IRQ 0

struct serial_line {
    unsigned choices; // enum console_choice: the words after console= that mean this line alone
    bool used;        // it shows the console
    bool lent;        // somebody else has it for himself (serial_lines_lend)
    bool in_memory;
    uint64_t address;
    bool has_pci;
    struct pci_address pci;
    uint32_t baud; // 0: as the firmware set it
    unsigned irq;  // ISA; SERIAL_NO_IRQ: it is polled
    struct uart16550 *uart;
};

struct serial_line_list {
    unsigned unprobed; // enum console_choice: lines that are taken as they are
    unsigned count;
    struct serial_line lines[SERIAL_LINES_MAX];
};

// Adds COM1 if it exists. Needs no memory.
void serial_probe_com1(struct serial_line_list *list);
// Adds all other lines. If the list already has the line of the SPCR, that line gets the rate of
// the table. What `chosen` (enum console_choice) has unprobed is taken as it is, COM1 too.
void serial_probe_others(struct serial_line_list *list, const struct acpi_info *acpi,
                         unsigned chosen);
