// SPDX-License-Identifier: MIT
// The configuration space of PCI bus 0.
#include "guests/pci/config.h"

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

uint32_t config_read(unsigned slot, unsigned offset, unsigned width)
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

void config_write(unsigned slot, unsigned offset, unsigned width, uint32_t value)
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

uint32_t config_read_ports(unsigned slot, unsigned offset)
{
    out32(ADDRESS_PORT, ADDRESS_ENABLE | slot << ADDRESS_SLOT_SHIFT | offset);
    return in32(DATA_PORT);
}

unsigned config_capability(unsigned slot, uint8_t id, unsigned nth)
{
    unsigned at = config_read(slot, PCI_CAPABILITIES, 1);
    while (at != 0 && (config_read(slot, at, 1) != id || nth-- != 0)) {
        at = config_read(slot, at + 1, 1);
    }
    return at;
}

uint64_t config_bar(unsigned slot, unsigned bar, bool *ports)
{
    uint32_t value = config_read(slot, PCI_BAR + 4 * bar, 4);
    *ports = value & PCI_BAR_IO;
    return value & (*ports ? PCI_BAR_IO_MASK : PCI_BAR_MEMORY_MASK);
}
