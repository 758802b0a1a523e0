// SPDX-License-Identifier: MIT
// Looks for PCI serial cards that are like a 16550. Pure: it knows a configuration space only.
#pragma once

#include "arch/x86/pci.h"
#include "vmm/util/types.h"

// One line of a card, with its registers next to each other.
struct pci_serial_port {
    struct pci_address where;
    bool in_memory;
    uint64_t address; // a port, or physical
};

struct pci_serial_ports {
    unsigned count;
    unsigned capacity;
    unsigned left_over;  // there was no place for them
    unsigned unassigned; // base addresses that the firmware has given no place
    struct pci_serial_port *ports;
};

// Adds the lines of all cards of class 07, subclass 00 (serial controller, 8250 to 16950), in the
// order of bus, device and function, to `ports`, and lets the cards answer. Each base address at
// ports is a line for every 8 of them. Only of a card that has none, the first in memory is a line.
// Whether there is a UART is not tried here.
void pci_serial_find(const struct pci_config *config, struct pci_serial_ports *ports);
