// SPDX-License-Identifier: MIT
// The PCI configuration space of this machine (PCI Local Bus Specification 3.0, chapter 6).
#pragma once

#include "arch/x86/pci_registers.h" // IWYU pragma: export
#include "vmm/util/types.h"

struct pci_address {
    uint8_t bus;
    uint8_t device;
    uint8_t function;
};

// A configuration space. Tests embed this in one of their own.
struct pci_config {
    uint32_t (*read)(const struct pci_config *config, struct pci_address where, unsigned offset);
    void (*write)(const struct pci_config *config, struct pci_address where, unsigned offset,
                  uint32_t value);
};

// This machine's configuration space, by mechanism 1 (ports 0xcf8 and 0xcfc). NULL: there is none.
// From one CPU at a time.
const struct pci_config *pci_config_find(void);

// Selects a register by mechanism 1. Returns the port for reading and writing it. If `offset` is
// inside a double word, the port is that of the byte.
uint16_t pci_select(struct pci_address where, unsigned offset);
