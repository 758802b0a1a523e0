// SPDX-License-Identifier: MIT
// Configuration registers of PCI functions (PCI Local Bus Specification 3.0, 6.1 and 6.2).
#include "drivers/pci_functions.h"

#define CLASS_SHIFT 8 // above the revision

uint32_t pci_get(const struct pci_function *function, unsigned offset)
{
    return function->config->read(function->config, function->where, offset);
}

void pci_put(const struct pci_function *function, unsigned offset, uint32_t value)
{
    function->config->write(function->config, function->where, offset, value);
}

void pci_set_command(const struct pci_function *function, uint32_t clear, uint32_t set)
{
    uint32_t command = pci_get(function, PCI_COMMAND) & PCI_COMMAND_MASK;
    pci_put(function, PCI_COMMAND, (command & ~clear) | set);
}

uint32_t pci_class(const struct pci_function *function)
{
    return pci_get(function, PCI_CLASS) >> CLASS_SHIFT;
}

unsigned pci_header(const struct pci_function *function)
{
    return pci_get(function, PCI_HEADER_TYPE) >> PCI_HEADER_SHIFT & PCI_HEADER_MASK;
}

unsigned pci_bar_offset(unsigned bar)
{
    return PCI_BAR + bar * (unsigned)sizeof(uint32_t);
}

// A base address at ports has 32 bits.
unsigned pci_bar_registers(const struct pci_function *function, unsigned bar)
{
    uint32_t value = pci_get(function, pci_bar_offset(bar));
    bool wide = (value & PCI_BAR_IO) == 0 && (value & PCI_BAR_MEMORY_TYPE) == PCI_BAR_MEMORY_64;
    return wide ? 2 : 1;
}

uint64_t pci_bar_address(const struct pci_function *function, unsigned bar)
{
    uint64_t address = pci_get(function, pci_bar_offset(bar)) & PCI_BAR_MEMORY_MASK;
    if (pci_bar_registers(function, bar) == 2 && bar + 1 < PCI_BARS) {
        address |= (uint64_t)pci_get(function, pci_bar_offset(bar + 1)) << 32;
    }
    return address;
}

uint32_t pci_bar_bytes(const struct pci_function *function, unsigned bar)
{
    uint32_t value = pci_get(function, pci_bar_offset(bar));
    uint32_t answers = pci_get(function, PCI_COMMAND) & (uint32_t)PCI_COMMAND_MEMORY;
    pci_set_command(function, (uint32_t)PCI_COMMAND_MEMORY, 0);
    pci_put(function, pci_bar_offset(bar), UINT32_MAX);
    uint32_t mask = pci_get(function, pci_bar_offset(bar)) & PCI_BAR_MEMORY_MASK;
    pci_put(function, pci_bar_offset(bar), value);
    pci_set_command(function, 0, answers);
    return mask & -mask;
}

static void visit_device(const struct pci_config *config, struct pci_address where,
                         struct pci_visitor *visitor)
{
    struct pci_function function = {.config = config, .where = where};
    unsigned functions = 1;
    for (unsigned number = 0; number < functions; number++) {
        function.where.function = (uint8_t)number;
        if (pci_get(&function, PCI_ID) == PCI_NOBODY) {
            continue;
        }
        if (pci_get(&function, PCI_HEADER_TYPE) >> PCI_HEADER_SHIFT & PCI_HEADER_MULTIPLE) {
            functions = PCI_FUNCTIONS;
        }
        visitor->visit(visitor, &function);
    }
}

// Looks at every bus, whether or not a bridge leads to it: a machine may have several roots.
void pci_visit_all(const struct pci_config *config, struct pci_visitor *visitor)
{
    for (unsigned bus = 0; bus < PCI_BUSES; bus++) {
        for (unsigned device = 0; device < PCI_DEVICES; device++) {
            visit_device(config, (struct pci_address){(uint8_t)bus, (uint8_t)device, 0}, visitor);
        }
    }
}
