// SPDX-License-Identifier: MIT
// Registers in port space, memory or PCI configuration space of bus 0 (ACPI 5.2.3.2).
#include "arch/x86/acpi_register.h"

#include "arch/x86/acpi_layout.h"
#include "arch/x86/io.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/pci.h"

#define WIDTH_8 8
#define WIDTH_16 16

struct acpi_access acpi_register_map(const struct acpi_register *where)
{
    struct acpi_access access = {.where = *where};
    if (where->present && where->space == ACPI_SPACE_MEMORY &&
        machine_memory_can_be_device(where->address, sizeof(uint32_t))) {
        access.memory = paging_map_device(where->address, sizeof(uint32_t), CACHE_UNCACHED);
    }
    return access;
}

static uint32_t read_port(uint16_t port, unsigned bits)
{
    if (bits <= WIDTH_8) {
        return inb(port);
    }
    return bits <= WIDTH_16 ? inw(port) : inl(port);
}

static void write_port(uint16_t port, unsigned bits, uint32_t value)
{
    if (bits <= WIDTH_8) {
        outb(port, (uint8_t)value);
    } else if (bits <= WIDTH_16) {
        outw(port, (uint16_t)value);
    } else {
        outl(port, value);
    }
}

// The data port of the register. Its address holds device, function and offset, 16 bits each.
static uint16_t select_pci(uint64_t address)
{
    struct pci_address where = {.device = (uint8_t)(address >> 32 & (PCI_DEVICES - 1)),
                                .function = (uint8_t)(address >> 16 & (PCI_FUNCTIONS - 1))};
    return pci_select(where, (unsigned)address & UINT8_MAX);
}

uint32_t acpi_register_read(const struct acpi_access *access)
{
    const struct acpi_register *where = &access->where;
    if (!where->present) {
        return 0;
    }
    if (where->space == ACPI_SPACE_IO) {
        return read_port((uint16_t)where->address, where->bits);
    }
    if (where->space == ACPI_SPACE_PCI) {
        return read_port(select_pci(where->address), where->bits);
    }
    if (!access->memory) {
        return 0;
    }
    if (where->bits <= WIDTH_8) {
        return *(volatile uint8_t *)access->memory;
    }
    if (where->bits <= WIDTH_16) {
        return *(volatile uint16_t *)access->memory;
    }
    return *(volatile uint32_t *)access->memory;
}

void acpi_register_write(const struct acpi_access *access, uint32_t value)
{
    const struct acpi_register *where = &access->where;
    if (!where->present) {
        return;
    }
    if (where->space == ACPI_SPACE_IO) {
        write_port((uint16_t)where->address, where->bits, value);
    } else if (where->space == ACPI_SPACE_PCI) {
        write_port(select_pci(where->address), where->bits, value);
    } else if (access->memory && where->bits <= WIDTH_8) {
        *(volatile uint8_t *)access->memory = (uint8_t)value;
    } else if (access->memory && where->bits <= WIDTH_16) {
        *(volatile uint16_t *)access->memory = (uint16_t)value;
    } else if (access->memory) {
        *(volatile uint32_t *)access->memory = value;
    }
}
