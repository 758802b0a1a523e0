// SPDX-License-Identifier: MIT
// The PCI configuration space of this machine (PCI Local Bus Specification 3.0, chapter 6).
#pragma once

#include "vmm/util/types.h"

#define PCI_BUSES 256
#define PCI_DEVICES 32
#define PCI_FUNCTIONS 8
#define PCI_BARS 6

struct pci_address {
    uint8_t bus;
    uint8_t device;
    uint8_t function;
};

// Offsets of registers, all of 32 bits here.
enum pci_register {
    PCI_ID = 0x00,          // vendor below, device above; all ones: nobody is there
    PCI_COMMAND = 0x04,     // and the status above it
    PCI_CLASS = 0x08,       // revision, programming interface, subclass, class
    PCI_HEADER_TYPE = 0x0c, // in its third byte
    PCI_BAR = 0x10,         // the first of them
};

#define PCI_NOBODY UINT32_MAX
#define PCI_COMMAND_IO BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASK 0xffffu // the status has bits that a written 1 clears
#define PCI_INTERFACE_SHIFT 8
#define PCI_SUBCLASS_SHIFT 16
#define PCI_CLASS_SHIFT 24
#define PCI_HEADER_SHIFT 16
#define PCI_HEADER_MASK 0x7f // 0: a device with PCI_BARS base addresses
#define PCI_HEADER_MULTIPLE BIT(7)
#define PCI_BAR_IO BIT(0)
#define PCI_BAR_IO_MASK 0xfffffffcu
#define PCI_BAR_MEMORY_TYPE 0x6
#define PCI_BAR_MEMORY_64 0x4 // the next one has the upper half
#define PCI_BAR_MEMORY_MASK 0xfffffff0u

// A configuration space. Tests embed this in one of their own.
struct pci_config {
    uint32_t (*read)(const struct pci_config *config, struct pci_address where, unsigned offset);
    void (*write)(const struct pci_config *config, struct pci_address where, unsigned offset,
                  uint32_t value);
};

// This machine's by mechanism 1, ports 0xcf8 and 0xcfc; NULL: it has none. From one CPU at a time.
const struct pci_config *pci_config_find(void);

// Selects a register by mechanism 1; returns the port through which it is read and written. For
// `offset` in the middle of 4 bytes, that of those.
uint16_t pci_select(struct pci_address where, unsigned offset);
