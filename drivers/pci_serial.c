// SPDX-License-Identifier: MIT
// Reads the base addresses of PCI serial cards (PCI Local Bus Specification 3.0, 6.2.5).
#include "drivers/pci_serial.h"

#include "drivers/pci_functions.h"

#define CLASS_SERIAL 0x0700
#define INTERFACE_BITS 8
#define INTERFACE_LAST 6 // 8250, 16450, 16550, 16650, 16750, 16850, 16950
#define PORTS_PER_LINE 8
#define PORTS_MAX 256 // the limit for one base address (6.2.5.1)
#define PORT_SPACE 0x10000u

struct card {
    struct pci_visitor visitor;
    struct pci_serial_ports *ports;
};

static void add(const struct card *card, const struct pci_function *function, bool in_memory,
                uint64_t address)
{
    struct pci_serial_ports *ports = card->ports;
    if (ports->count == ports->capacity) {
        ports->left_over++;
        return;
    }
    ports->ports[ports->count++] = (struct pci_serial_port){
        .where = function->where, .in_memory = in_memory, .address = address};
}

// The number of ports: the lowest address bit that can be set. The card must not answer during the
// test.
static uint32_t port_count(const struct pci_function *function, unsigned bar, uint32_t value)
{
    pci_set_command(function, (uint32_t)PCI_COMMAND_IO, 0);
    pci_put(function, pci_bar_offset(bar), UINT32_MAX);
    uint32_t mask = pci_get(function, pci_bar_offset(bar)) & PCI_BAR_IO_MASK;
    pci_put(function, pci_bar_offset(bar), value);
    pci_set_command(function, 0, (uint32_t)PCI_COMMAND_IO);
    return mask & -mask;
}

// Whether `bar` is at ports. If so, its lines are added.
static bool add_ports(const struct card *card, const struct pci_function *function, unsigned bar)
{
    uint32_t value = pci_get(function, pci_bar_offset(bar));
    uint32_t base = value & PCI_BAR_IO_MASK;
    if ((value & PCI_BAR_IO) == 0) {
        return false;
    }
    if (base == 0) {
        card->ports->unassigned++;
        return true;
    }
    uint32_t count = MIN(port_count(function, bar, value), PORTS_MAX);
    for (uint32_t at = 0; at + PORTS_PER_LINE <= count && base + at < PORT_SPACE;
         at += PORTS_PER_LINE) {
        add(card, function, false, base + at);
    }
    return true;
}

static bool add_all_ports(const struct card *card, const struct pci_function *function)
{
    bool found = false;
    for (unsigned bar = 0; bar < PCI_BARS; bar += pci_bar_registers(function, bar)) {
        found = add_ports(card, function, bar) || found;
    }
    return found;
}

static void add_memory(const struct card *card, const struct pci_function *function)
{
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        uint64_t address = pci_bar_address(function, bar);
        if (address != 0) {
            pci_set_command(function, 0, (uint32_t)PCI_COMMAND_MEMORY);
            add(card, function, true, address);
            return;
        }
    }
    card->ports->unassigned++;
}

static void look_at(struct pci_visitor *visitor, const struct pci_function *function)
{
    const struct card *card = container_of(visitor, struct card, visitor);
    uint32_t class = pci_class(function);
    if (class >> INTERFACE_BITS != CLASS_SERIAL || (class & UINT8_MAX) > INTERFACE_LAST ||
        pci_header(function) != 0) {
        return;
    }
    if (!add_all_ports(card, function)) {
        add_memory(card, function);
    }
}

void pci_serial_find(const struct pci_config *config, struct pci_serial_ports *ports)
{
    struct card card = {.visitor = {.visit = look_at}, .ports = ports};
    pci_visit_all(config, &card.visitor);
}
