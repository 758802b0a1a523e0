// SPDX-License-Identifier: MIT
// The functions of the machine's PCI devices: finds them all, and reads their base addresses. Pure:
// it knows only a configuration space.
#pragma once

#include "arch/x86/pci.h"
#include "vmm/util/types.h"

struct pci_function {
    const struct pci_config *config;
    struct pci_address where;
};

// Takes what pci_visit_all finds. Embed it in a structure of your own.
struct pci_visitor {
    void (*visit)(struct pci_visitor *visitor, const struct pci_function *function);
};

// Visits every function of every bus, in the order of bus, device and function.
void pci_visit_all(const struct pci_config *config, struct pci_visitor *visitor);

// Registers of 32 bits; `offset` is a multiple of 4.
uint32_t pci_get(const struct pci_function *function, unsigned offset);
void pci_put(const struct pci_function *function, unsigned offset, uint32_t value);

// Clears and sets bits of the command register.
void pci_set_command(const struct pci_function *function, uint32_t clear, uint32_t set);

// Base class, subclass and programming interface: 0x0c0330 is an xHCI controller.
uint32_t pci_class(const struct pci_function *function);
// The header type, without PCI_HEADER_MULTIPLE.
unsigned pci_header(const struct pci_function *function);

// The offset of base address `bar`.
unsigned pci_bar_offset(unsigned bar);
// How many registers base address `bar` takes: 2 if it is in memory and has 64 bits.
unsigned pci_bar_registers(const struct pci_function *function, unsigned bar);
// The address in memory that base address `bar` holds; 0: the firmware gave it none. `bar` is not
// at ports.
uint64_t pci_bar_address(const struct pci_function *function, unsigned bar);
// How many bytes of memory base address `bar` has, at most 2 GiB: the lowest address bit that can
// be set. 0: none can. The device does not answer in memory during the test.
uint32_t pci_bar_bytes(const struct pci_function *function, unsigned bar);
