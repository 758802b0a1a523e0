// SPDX-License-Identifier: MIT
// The configuration space of PCI bus 0, by ports (mechanism 1) and by memory (ECAM).
#pragma once

#include "arch/x86/pci_registers.h"
#include "vmm/util/types.h"

#define SLOTS PCI_DEVICES

// A register of `width` bytes: 1, 2 or 4, aligned. By memory.
uint32_t pci_read(unsigned slot, unsigned offset, unsigned width);
void pci_write(unsigned slot, unsigned offset, unsigned width, uint32_t value);

// A register of 4 bytes by ports.
uint32_t pci_read_ports(unsigned slot, unsigned offset);

// The offset of the capability number `nth` with that ID, from 0 on; 0: there is none.
unsigned pci_capability(unsigned slot, uint8_t id, unsigned nth);

// The base address `bar`, 0 to 5, without its low bits, and where it is.
uint64_t pci_bar(unsigned slot, unsigned bar, bool *ports);

// The MSI-X table, and the bits of vectors that wait (6.8.2). The function has MSI-X.
volatile uint32_t *pci_msix_table(unsigned slot);
const volatile uint32_t *pci_msix_pending(unsigned slot);
void pci_msix_set(unsigned slot, unsigned vector, uint32_t address, uint32_t data,
                  uint32_t control);
void pci_msix_enable(unsigned slot, bool on);
