// SPDX-License-Identifier: MIT
// The model of a PCI host bridge, an Intel 82441FX by its identity: the way to the configuration
// space of bus 0, by mechanism 1 (PCI 3.0, 3.2.2.3.2) and by memory (ECAM, PCI Firmware 3.0, 4).
#pragma once

#include "arch/x86/pci_registers.h"
#include "vmm/devices/pci_function.h"
#include "vmm/util/types.h"

#define PCI_HOST_PORTS 8              // 0xcf8 the address, 0xcfc to 0xcff the data
#define PCI_HOST_ECAM_BYTES (1 * MIB) // 4 KiB for each function of a bus
#define PCI_HOST_SLOTS PCI_DEVICES

struct pci_host {
    uint32_t address;
    struct pci_function bridge; // in slot 0
    struct pci_function *functions[PCI_HOST_SLOTS];
};

void pci_host_init(struct pci_host *host);
void pci_host_reset(struct pci_host *host);
// Puts a function into a slot from 1 on, as function 0 of that device.
void pci_host_attach(struct pci_host *host, unsigned slot, struct pci_function *function);

// `offset` counts from 0xcf8; `width` is 1, 2 or 4. The address register has only accesses of 32
// bits. Other accesses there, and functions that do not exist, read all ones.
uint32_t pci_host_read(struct pci_host *host, unsigned offset, unsigned width);
void pci_host_write(struct pci_host *host, unsigned offset, unsigned width, uint32_t value);

// `offset` is below PCI_HOST_ECAM_BYTES; `width` is 1, 2, 4 or 8.
uint64_t pci_host_ecam_read(struct pci_host *host, uint32_t offset, unsigned width);
void pci_host_ecam_write(struct pci_host *host, uint32_t offset, unsigned width, uint64_t value);
