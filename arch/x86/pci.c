// SPDX-License-Identifier: MIT
// PCI configuration mechanism 1 (PCI Local Bus Specification 3.0, 3.2.2.3.2).
#include "arch/x86/pci.h"
#include "arch/x86/io.h"

#define ADDRESS 0xcf8
#define DATA 0xcfc
#define ADDRESS_ENABLE 0x80000000u
#define OFFSET_MASK 0xff

uint16_t pci_select(struct pci_address where, unsigned offset)
{
    outl(ADDRESS, ADDRESS_ENABLE | (uint32_t)where.bus << 16 | (uint32_t)where.device << 11 |
                      (uint32_t)where.function << 8 | (offset & OFFSET_MASK & ~3u));
    return (uint16_t)(DATA + (offset & 3));
}

static uint32_t read(const struct pci_config *config, struct pci_address where, unsigned offset)
{
    (void)config;
    return inl(pci_select(where, offset));
}

static void write(const struct pci_config *config, struct pci_address where, unsigned offset,
                  uint32_t value)
{
    (void)config;
    outl(pci_select(where, offset), value);
}

// A host bridge keeps the value that is written to the address register. Without a bridge the value
// is lost.
const struct pci_config *pci_config_find(void)
{
    static const struct pci_config mechanism_1 = {.read = read, .write = write};
    uint32_t before = inl(ADDRESS);
    outl(ADDRESS, ADDRESS_ENABLE);
    bool found = inl(ADDRESS) == ADDRESS_ENABLE;
    outl(ADDRESS, before);
    return found ? &mechanism_1 : NULL;
}
