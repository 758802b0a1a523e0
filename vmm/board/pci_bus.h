// SPDX-License-Identifier: MIT
// The PCI bus of a VM's PC: puts functions into slots, their base addresses onto the buses for
// ports and memory, and their interrupts onto lines or on the way to the local APICs.
#pragma once

#include "arch/x86/pci_registers.h"
#include "vmm/board/io_bus.h"
#include "vmm/board/memory_bus.h"
#include "vmm/devices/device.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/pci_host.h"
#include "vmm/memory/guest_map.h"
#include "vmm/util/types.h"

#define PCI_BUS_ECAM_BASE GUEST_PCI_CONFIG
static_assert(PCI_HOST_ECAM_BYTES == GUEST_PCI_CONFIG_BYTES, "a bus");

#define PCI_PINS 4
#define PCI_LINES 2

// The interrupt of a pin of a slot, which alternate. Both have the same number at the 8259s and at
// the I/O APIC, and no other device has them. \_SB.PCI0._PRT in dsdt.asl says the same.
enum pci_irq_number { PCI_IRQ_ODD = 10, PCI_IRQ_EVEN = 11 };

static inline enum pci_irq_number pci_bus_irq(unsigned slot, unsigned pin)
{
    return (slot + pin) % PCI_LINES ? PCI_IRQ_ODD : PCI_IRQ_EVEN;
}

// A base address on its bus.
struct pci_window {
    struct memory_range memory;
    struct io_range ports;
    struct pci_function *function;
    uint8_t bar;
};

// The board's side of a function. Embed it beside the function.
struct pci_slot {
    struct pci_bus *bus;
    struct pci_function *function;
    struct irq_line intx;
    uint8_t number;
    struct pci_window windows[PCI_BARS];
};

// What the board connects to the bus.
struct pci_wires {
    struct io_bus *io;
    struct memory_bus *memory;
    const struct guest_memory *ram;
    struct irq_line *lines[PCI_LINES]; // to PCI_IRQ_EVEN and PCI_IRQ_ODD
    struct ioapic_output *apics;       // takes messages as from an I/O APIC
};

struct pci_bus {
    struct pci_host host;
    struct pci_slot *slots[PCI_HOST_SLOTS];
    unsigned slot_count;          // used so far; slot 0 is the host bridge's
    uint32_t asserted[PCI_LINES]; // a bit for each slot that pulls the line
    uint64_t lost_messages;       // interrupts to addresses where there is no local APIC
    uint64_t last_lost_message;   // the address of the last one
    struct pci_wires wires;
    struct pci_output output; // of all functions
};

// `wires` is copied; what it points to must live as long as the bus.
void pci_bus_init(struct pci_bus *bus, const struct pci_wires *wires);

// The next free slot, for a function that is then initialised with bus->output and slot->intx.
// False: there is none.
MUST_CHECK bool pci_bus_attach(struct pci_bus *bus, struct pci_slot *slot,
                               struct pci_function *function);

// Gives all functions addresses, ports and interrupts, and lets them answer, as a PC's firmware
// does.
void pci_bus_program(struct pci_bus *bus);
