// SPDX-License-Identifier: MIT
// The model of a PCI bus that has only a host bridge, an Intel 82441FX by its identity.
#include "vmm/devices/pci_host.h"

#define DATA_OFFSET 4

#define ADDRESS_ENABLE (1U << 31)
#define ADDRESS_FUNCTION 0xffff00U // bus, device, function: all 0 is the host bridge
#define ADDRESS_REGISTER 0xfcU
#define ADDRESS_KEPT (ADDRESS_ENABLE | ADDRESS_FUNCTION | ADDRESS_REGISTER)

// The header of type 0 (PCI 3.0, 6.1). All of it is read-only. The bridge always decodes memory and
// is always a master. It has no base address, no interrupt and no capability.
#define DEVICE_VENDOR 0x12378086U  // the 440FX
#define STATUS_COMMAND 0x02800006U // medium DEVSEL, fast back-to-back; master, memory
#define CLASS_REVISION 0x06000002U // a host bridge

static uint32_t bridge_register(unsigned reg)
{
    switch (reg) {
    case 0x00:
        return DEVICE_VENDOR;
    case 0x04:
        return STATUS_COMMAND;
    case 0x08:
        return CLASS_REVISION;
    default:
        return 0;
    }
}

static uint32_t ones(unsigned width)
{
    return (uint32_t)(BIT(8 * width) - 1);
}

uint32_t pci_host_read(const struct pci_host *host, unsigned offset, unsigned width)
{
    unsigned byte = offset - DATA_OFFSET;
    if (offset == 0 && width == 4) {
        return host->address;
    }
    if (offset < DATA_OFFSET || byte + width > 4 || !(host->address & ADDRESS_ENABLE) ||
        (host->address & ADDRESS_FUNCTION)) {
        return ones(width);
    }
    return bridge_register(host->address & ADDRESS_REGISTER) >> 8 * byte & ones(width);
}

void pci_host_write(struct pci_host *host, unsigned offset, unsigned width, uint32_t value)
{
    if (offset == 0 && width == 4) {
        host->address = value & ADDRESS_KEPT;
    }
}

void pci_host_reset(struct pci_host *host)
{
    host->address = 0;
}

void pci_host_init(struct pci_host *host)
{
    pci_host_reset(host);
}
