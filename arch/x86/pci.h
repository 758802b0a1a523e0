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
    PCI_ID = 0x00,          // vendor (low), device (high); all ones: no device
    PCI_COMMAND = 0x04,     // command (low), status (high)
    PCI_CLASS = 0x08,       // revision, programming interface, subclass, class
    PCI_HEADER_TYPE = 0x0c, // the header type is its third byte
    PCI_BAR = 0x10,         // the first base address
};

#define PCI_NOBODY UINT32_MAX
#define PCI_COMMAND_IO BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASTER BIT(2)        // the device may read and write memory
#define PCI_COMMAND_NO_INTERRUPT BIT(10) // no INTx
#define PCI_COMMAND_MASK 0xffffu         // a written 1 clears bits of the status
#define PCI_HEADER_SHIFT 16
#define PCI_HEADER_MASK 0x7f // 0: a device with PCI_BARS base addresses
#define PCI_HEADER_MULTIPLE BIT(7)
#define PCI_BAR_IO BIT(0)
#define PCI_BAR_IO_MASK 0xfffffffcu
#define PCI_BAR_MEMORY_TYPE 0x6
#define PCI_BAR_MEMORY_64 0x4 // the next base address is the upper half
#define PCI_BAR_MEMORY_MASK 0xfffffff0u

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
