// SPDX-License-Identifier: MIT
// The model of a PCI host bridge and of the configuration space behind it.
#include "vmm/devices/pci_host.h"

#include "vmm/devices/pci_function.h"
#include "vmm/util/types.h"
#include "vmm/util/width.h"

#define DATA_OFFSET 4

#define ADDRESS_ENABLE (1U << 31)
#define ADDRESS_BUS 0xff0000U
#define ADDRESS_SLOT_SHIFT 11
#define ADDRESS_FUNCTION 0x700U
#define ADDRESS_REGISTER 0xfcU
#define ADDRESS_KEPT (ADDRESS_ENABLE | 0xffff00U | ADDRESS_REGISTER)

#define ECAM_SLOT_SHIFT 15
#define ECAM_FUNCTION 0x7000U
#define ECAM_REGISTER 0xfffU

// The bridge always decodes memory and is always a master. It has no base address, no interrupt and
// no capability.
static const struct pci_identity bridge_identity = {
    .vendor = 0x8086,
    .device = 0x1237,             // the 440FX
    .class_revision = 0x06000002, // a host bridge
    .command = 0x02800006,        // medium DEVSEL, fast back-to-back; master, memory
};

// ---- Mechanism 1 ----

// The function that the address register selects. Only functions 0 of bus 0 exist.
static struct pci_function *selected(const struct pci_host *host)
{
    if (!(host->address & ADDRESS_ENABLE) || (host->address & (ADDRESS_BUS | ADDRESS_FUNCTION))) {
        return NULL;
    }
    return host->functions[host->address >> ADDRESS_SLOT_SHIFT & (PCI_HOST_SLOTS - 1)];
}

// Whether the access is to the data, and does not go beyond.
static bool is_data(unsigned offset, unsigned width)
{
    return offset >= DATA_OFFSET && offset + width <= PCI_HOST_PORTS;
}

static unsigned register_at(const struct pci_host *host, unsigned offset)
{
    return (host->address & ADDRESS_REGISTER) + offset - DATA_OFFSET;
}

uint32_t pci_host_read(struct pci_host *host, unsigned offset, unsigned width)
{
    struct pci_function *function = selected(host);
    if (offset == 0 && width == 4) {
        return host->address;
    }
    return function && is_data(offset, width)
               ? pci_function_config_read(function, register_at(host, offset), width)
               : (uint32_t)width_ones(width);
}

void pci_host_write(struct pci_host *host, unsigned offset, unsigned width, uint32_t value)
{
    struct pci_function *function = selected(host);
    if (offset == 0 && width == 4) {
        host->address = value & ADDRESS_KEPT;
    } else if (function && is_data(offset, width)) {
        pci_function_config_write(function, register_at(host, offset), width, value);
    }
}

// ---- ECAM ----

static struct pci_function *function_at(const struct pci_host *host, uint32_t offset)
{
    return offset & ECAM_FUNCTION
               ? NULL
               : host->functions[offset >> ECAM_SLOT_SHIFT & (PCI_HOST_SLOTS - 1)];
}

uint64_t pci_host_ecam_read(struct pci_host *host, uint32_t offset, unsigned width)
{
    struct pci_function *function = function_at(host, offset);
    unsigned reg = offset & ECAM_REGISTER;
    if (!function) {
        return width_ones(width);
    }
    if (width < 8) {
        return pci_function_config_read(function, reg, width);
    }
    uint64_t high = pci_function_config_read(function, reg + 4, 4);
    return high << 32 | pci_function_config_read(function, reg, 4);
}

void pci_host_ecam_write(struct pci_host *host, uint32_t offset, unsigned width, uint64_t value)
{
    struct pci_function *function = function_at(host, offset);
    unsigned reg = offset & ECAM_REGISTER;
    if (!function) {
        return;
    }
    pci_function_config_write(function, reg, MIN(width, 4), (uint32_t)value);
    if (width == 8) {
        pci_function_config_write(function, reg + 4, 4, (uint32_t)(value >> 32));
    }
}

// ---- Composition ----

void pci_host_attach(struct pci_host *host, unsigned slot, struct pci_function *function)
{
    host->functions[slot] = function;
}

void pci_host_reset(struct pci_host *host)
{
    host->address = 0;
}

void pci_host_init(struct pci_host *host)
{
    *host = (struct pci_host){0};
    pci_function_init(&host->bridge, &bridge_identity, NULL, NULL, NULL);
    pci_host_attach(host, 0, &host->bridge);
}
