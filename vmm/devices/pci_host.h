// SPDX-License-Identifier: MIT
// The model of PCI configuration mechanism 1 (PCI 3.0, 3.2.2.3.2) and the host bridge behind it.
#pragma once

#include "vmm/util/types.h"

#define PCI_HOST_PORTS 8 // 0xcf8 the address, 0xcfc to 0xcff the data

struct pci_host {
    uint32_t address;
};

void pci_host_init(struct pci_host *host);
void pci_host_reset(struct pci_host *host);

// `offset` counts from 0xcf8; `width` is 1, 2 or 4. The address register has only accesses of 32
// bits. Other accesses there, and functions that do not exist, read all ones.
uint32_t pci_host_read(const struct pci_host *host, unsigned offset, unsigned width);
void pci_host_write(struct pci_host *host, unsigned offset, unsigned width, uint32_t value);
