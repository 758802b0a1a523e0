// SPDX-License-Identifier: MIT
// The configuration space of PCI bus 0.
#include "guests/lib/pci.h"

#include "guests/lib/port.h"

#define ECAM 0xfeb00000ULL // what ACPI's MCFG says
#define ECAM_SLOT_SHIFT 15
#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE (1U << 31)
#define ADDRESS_SLOT_SHIFT 11

static uintptr_t place(unsigned slot, unsigned offset)
{
    return ECAM + ((uintptr_t)slot << ECAM_SLOT_SHIFT) + offset;
}

uint32_t pci_read(unsigned slot, unsigned offset, unsigned width)
{
    switch (width) {
    case 1:
        return *(volatile uint8_t *)place(slot, offset);
    case 2:
        return *(volatile uint16_t *)place(slot, offset);
    default:
        return *(volatile uint32_t *)place(slot, offset);
    }
}

void pci_write(unsigned slot, unsigned offset, unsigned width, uint32_t value)
{
    switch (width) {
    case 1:
        *(volatile uint8_t *)place(slot, offset) = (uint8_t)value;
        break;
    case 2:
        *(volatile uint16_t *)place(slot, offset) = (uint16_t)value;
        break;
    default:
        *(volatile uint32_t *)place(slot, offset) = value;
        break;
    }
}

uint32_t pci_read_ports(unsigned slot, unsigned offset)
{
    out32(ADDRESS_PORT, ADDRESS_ENABLE | slot << ADDRESS_SLOT_SHIFT | offset);
    return in32(DATA_PORT);
}

unsigned pci_capability(unsigned slot, uint8_t id, unsigned nth)
{
    unsigned at = pci_read(slot, PCI_CAPABILITIES, 1);
    while (at != 0 && (pci_read(slot, at, 1) != id || nth-- != 0)) {
        at = pci_read(slot, at + 1, 1);
    }
    return at;
}

uint64_t pci_bar(unsigned slot, unsigned bar, bool *ports)
{
    uint32_t value = pci_read(slot, PCI_BAR + 4 * bar, 4);
    *ports = value & PCI_BAR_IO;
    return value & (*ports ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);
}

// ---- MSI-X ----

// The address of what a register of the capability names.
static uintptr_t msix_place(unsigned slot, unsigned register_offset)
{
    bool ports;
    uint32_t place =
        pci_read(slot, pci_capability(slot, PCI_CAPABILITY_MSIX, 0) + register_offset, 4);
    return pci_bar(slot, place & PCI_MSIX_BAR_MASK, &ports) + (place & ~PCI_MSIX_BAR_MASK);
}

volatile uint32_t *pci_msix_table(unsigned slot)
{
    return (volatile uint32_t *)msix_place(slot, PCI_MSIX_TABLE);
}

const volatile uint32_t *pci_msix_pending(unsigned slot)
{
    return (const volatile uint32_t *)msix_place(slot, PCI_MSIX_PENDING);
}

void pci_msix_set(unsigned slot, unsigned vector, uint32_t address, uint32_t data, uint32_t control)
{
    volatile uint32_t *entry = pci_msix_table(slot) + vector * PCI_MSIX_ENTRY_BYTES / 4;
    entry[0] = address;
    entry[1] = 0;
    entry[2] = data;
    entry[3] = control;
}

void pci_msix_enable(unsigned slot, bool on)
{
    pci_write(slot, pci_capability(slot, PCI_CAPABILITY_MSIX, 0) + PCI_MSIX_CONTROL, 2,
              on ? (uint32_t)PCI_MSIX_ENABLE : 0);
}
