// SPDX-License-Identifier: MIT
// The configuration registers of a PCI function and their bits (PCI Local Bus Specification 3.0,
// chapter 6). Constants only.
#pragma once

#include "vmm/util/types.h"

#define PCI_BUSES 256
#define PCI_DEVICES 32
#define PCI_FUNCTIONS 8
#define PCI_BARS 6
#define PCI_CONFIG_BYTES 256

// Offsets of registers, all of 32 bits here.
enum pci_register {
    PCI_ID = 0x00,           // vendor (low), device (high); all ones: no device
    PCI_COMMAND = 0x04,      // command (low), status (high)
    PCI_CLASS = 0x08,        // revision, programming interface, subclass, class
    PCI_HEADER_TYPE = 0x0c,  // the header type is its third byte
    PCI_BAR = 0x10,          // the first base address
    PCI_SUBSYSTEM = 0x2c,    // vendor (low), device (high)
    PCI_CAPABILITIES = 0x34, // the offset of the first capability (low byte)
    PCI_INTERRUPT = 0x3c,    // line, pin
    PCI_HEADER_END = 0x40,   // registers of the device's own, capabilities among them
};

#define PCI_NOBODY UINT32_MAX
#define PCI_COMMAND_IO BIT(0)
#define PCI_COMMAND_MEMORY BIT(1)
#define PCI_COMMAND_MASTER BIT(2)        // the device may read and write memory
#define PCI_COMMAND_NO_INTERRUPT BIT(10) // no INTx
#define PCI_COMMAND_MASK 0xffffu         // a written 1 clears bits of the status
#define PCI_STATUS_INTERRUPT BIT(19)     // in the register PCI_COMMAND, as the next one
#define PCI_STATUS_CAPABILITIES BIT(20)
#define PCI_HEADER_SHIFT 16
#define PCI_HEADER_MASK 0x7f // 0: a device with PCI_BARS base addresses
#define PCI_HEADER_MULTIPLE BIT(7)
#define PCI_BAR_IO BIT(0)
#define PCI_BAR_IO_MASK 0xfffffffcu
#define PCI_BAR_MEMORY_TYPE 0x6
#define PCI_BAR_MEMORY_64 0x4 // the next base address is the upper half
#define PCI_BAR_MEMORY_MASK 0xfffffff0u

// A capability begins with its ID and the offset of the next one.
enum pci_capability { PCI_CAPABILITY_MSI = 0x05, PCI_CAPABILITY_MSIX = 0x11 };

// Offsets in the MSI capability with a 64-bit address and a mask for each vector (6.8.1).
enum pci_msi {
    PCI_MSI_CONTROL = 0x02,
    PCI_MSI_ADDRESS = 0x04,
    PCI_MSI_ADDRESS_HIGH = 0x08,
    PCI_MSI_DATA = 0x0c,
    PCI_MSI_MASK = 0x10,
    PCI_MSI_PENDING = 0x14,
    PCI_MSI_BYTES = 0x18,
};
#define PCI_MSI_ENABLE BIT(0)
#define PCI_MSI_64 BIT(7)
#define PCI_MSI_MASKS BIT(8)

// Offsets in the MSI-X capability (6.8.2).
enum pci_msix {
    PCI_MSIX_CONTROL = 0x02, // the number of vectors less one, in the low bits
    PCI_MSIX_TABLE = 0x04,   // the offset in the BAR, and the BAR's number in the low three bits
    PCI_MSIX_PENDING = 0x08,
    PCI_MSIX_BYTES = 0x0c,
};
#define PCI_MSIX_SIZE_MASK 0x7ffu
#define PCI_MSIX_MASK_ALL BIT(14)
#define PCI_MSIX_ENABLE BIT(15)
#define PCI_MSIX_BAR_MASK 7u

// An entry of the MSI-X table: address, upper half, data, control.
#define PCI_MSIX_ENTRY_BYTES 16
#define PCI_MSIX_ENTRY_MASKED BIT(0)
