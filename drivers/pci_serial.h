// SPDX-License-Identifier: MIT
// Looks for PCI serial cards that are like a 16550. Pure: it knows only a configuration space.
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
    unsigned left_over;  // lines without a place in `ports`
    unsigned unassigned; // base addresses without an address from the firmware
    struct pci_serial_port *ports;
};

// Adds the lines of all cards of class 07, subclass 00 (serial controller, 8250 to 16950) to
// `ports`, in the order of bus, device and function, and lets the cards answer. A base address at
// ports has a line for every 8 ports. Only if a card has no such base address, its first one in
// memory is a line. The function does not look for a UART.
void pci_serial_find(const struct pci_config *config, struct pci_serial_ports *ports);
