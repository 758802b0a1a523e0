// SPDX-License-Identifier: MIT
// The model of a PCI function (PCI Local Bus Specification 3.0): its configuration space with a
// header of type 0, base addresses (BARs), capabilities, and interrupts by line or message.
#pragma once

#include "arch/x86/pci_registers.h"
#include "vmm/util/types.h"

struct irq_line;
struct pci_function;

// What a kind of device does. Offsets and widths fit into the BAR. The width is 1, 2, 4 or, in
// memory, 8; the offset need not be aligned.
struct pci_function_ops {
    uint64_t (*bar_read)(struct pci_function *function, unsigned bar, uint64_t offset,
                         unsigned width);
    void (*bar_write)(struct pci_function *function, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value);
    // The guest reads, or has written, configuration bytes that pci_function_watch named. Before a
    // read the device may change them.
    void (*config_read)(struct pci_function *function, unsigned offset, unsigned width);
    void (*config_written)(struct pci_function *function, unsigned offset, unsigned width);
    // The command register has changed. NULL: the device does not care.
    void (*command_written)(struct pci_function *function);
};

// The function's connection to the bus.
struct pci_output {
    // BARs that the function answers at have changed. pci_function_answers tells the new ones.
    void (*decode)(struct pci_output *output, struct pci_function *function);
    // The function writes `data` to `address`: an interrupt message.
    void (*message)(struct pci_output *output, uint64_t address, uint32_t data);
};

struct pci_identity {
    uint16_t vendor;
    uint16_t device;
    uint16_t subsystem_vendor;
    uint16_t subsystem;
    uint32_t class_revision; // base class, subclass, programming interface, revision
    uint32_t command; // status (high) and command (low); what is on here cannot be switched off
};

enum pci_bar_kind { PCI_BAR_ABSENT, PCI_BAR_PORTS, PCI_BAR_MEMORY32, PCI_BAR_WIDE };

struct pci_bar {
    enum pci_bar_kind kind;
    uint64_t bytes;
};

struct pci_msix_entry {
    uint64_t address;
    uint32_t data;
    uint32_t control;
};
static_assert(sizeof(struct pci_msix_entry) == PCI_MSIX_ENTRY_BYTES, "PCI 6.8.2");

#define PCI_VECTORS_MAX 32

// Embed it in the device. All but the first three members is its state.
struct pci_function {
    const struct pci_function_ops *ops;
    struct pci_output *output;
    struct irq_line *intx; // pin INTA; NULL: it has none
    uint8_t config[PCI_CONFIG_BYTES];
    uint8_t writable[PCI_CONFIG_BYTES]; // which bits the guest can change
    struct pci_bar bars[PCI_BARS];
    uint8_t capability_link; // where the offset of the next capability goes
    uint8_t capability_end;  // one past the last one
    uint8_t watch_first;     // of the watched bytes
    uint8_t watch_bytes;
    bool intx_level;
    uint8_t msi; // offset of the capability; 0: none
    uint8_t msix;
    uint8_t msix_bar;    // has the table; 0 also if there is none
    uint8_t vectors;     // of MSI-X
    uint32_t msix_table; // offsets in the BAR
    uint32_t msix_pending;
    uint32_t pending; // the vectors of MSI-X that wait
    struct pci_msix_entry table[PCI_VECTORS_MAX];
};

// ---- For the device, once ----

// A function without BARs and capabilities. `ops` may be NULL if it stays so.
void pci_function_init(struct pci_function *function, const struct pci_identity *identity,
                       const struct pci_function_ops *ops, struct pci_output *output,
                       struct irq_line *intx);
// Adds a BAR. `bytes` is a power of two: 4 to 256 ports, or 16 bytes of memory and more. A
// PCI_BAR_WIDE has 64 bits and takes the register of the next BAR too.
void pci_function_add_bar(struct pci_function *function, unsigned bar, enum pci_bar_kind kind,
                          uint64_t bytes);
// Adds a capability of `bytes` bytes, which must fit, and returns its offset. All bytes after its
// first two are 0 and read-only.
unsigned pci_function_add_capability(struct pci_function *function, uint8_t id, unsigned bytes);
void pci_function_watch(struct pci_function *function, unsigned offset, unsigned bytes);

// ---- For the device ----

// A register of 2 or 4 bytes.
uint32_t pci_function_get(const struct pci_function *function, unsigned offset, unsigned width);
void pci_function_set(struct pci_function *function, unsigned offset, unsigned width,
                      uint32_t value);
// Whether the guest lets the function write to memory.
static inline bool pci_function_is_master(const struct pci_function *function)
{
    return function->config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

// ---- For the bus ----

// Accesses to the configuration space by the guest. Outside of it, reads give all ones and writes
// do nothing. `width` is 1, 2 or 4.
uint32_t pci_function_config_read(struct pci_function *function, unsigned offset, unsigned width);
void pci_function_config_write(struct pci_function *function, unsigned offset, unsigned width,
                               uint32_t value);
// Whether the function answers at BAR `bar`, and from which port or address on.
MUST_CHECK bool pci_function_answers(const struct pci_function *function, unsigned bar,
                                     uint64_t *base);
// Accesses at a BAR that exists. One that goes beyond its end reads all ones and writes nothing.
uint64_t pci_function_bar_read(struct pci_function *function, unsigned bar, uint64_t offset,
                               unsigned width);
void pci_function_bar_write(struct pci_function *function, unsigned bar, uint64_t offset,
                            unsigned width, uint64_t value);
