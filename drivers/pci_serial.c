// SPDX-License-Identifier: MIT
// Reads the class and the base addresses of every PCI function (PCI Local Bus Specification 3.0,
// 6.2).
#include "drivers/pci_serial.h"

#define CLASS_SERIAL 0x0700
#define INTERFACE_LAST 6 // 8250, 16450, 16550, 16650, 16750, 16850, 16950
#define PORTS_PER_LINE 8
#define PORTS_MAX 256 // the limit for one base address (6.2.5.1)
#define PORT_SPACE 0x10000u

struct card {
    const struct pci_config *config;
    struct pci_address where;
    struct pci_serial_ports *ports;
};

static uint32_t get(const struct card *card, unsigned offset)
{
    return card->config->read(card->config, card->where, offset);
}

static void put(const struct card *card, unsigned offset, uint32_t value)
{
    card->config->write(card->config, card->where, offset, value);
}

static unsigned bar_offset(unsigned bar)
{
    return PCI_BAR + bar * (unsigned)sizeof(uint32_t);
}

static void set_command(const struct card *card, uint32_t clear, uint32_t set)
{
    uint32_t command = get(card, PCI_COMMAND) & PCI_COMMAND_MASK;
    put(card, PCI_COMMAND, (command & ~clear) | set);
}

static void add(const struct card *card, bool in_memory, uint64_t address)
{
    struct pci_serial_ports *ports = card->ports;
    if (ports->count == ports->capacity) {
        ports->left_over++;
        return;
    }
    ports->ports[ports->count++] =
        (struct pci_serial_port){.where = card->where, .in_memory = in_memory, .address = address};
}

// The number of ports: the lowest address bit that can be set. The card must not answer during the
// test.
static uint32_t port_count(const struct card *card, unsigned bar, uint32_t value)
{
    set_command(card, (uint32_t)PCI_COMMAND_IO, 0);
    put(card, bar_offset(bar), UINT32_MAX);
    uint32_t mask = get(card, bar_offset(bar)) & PCI_BAR_IO_MASK;
    put(card, bar_offset(bar), value);
    set_command(card, 0, (uint32_t)PCI_COMMAND_IO);
    return mask & -mask;
}

// Whether `bar` is at ports. If so, its lines are added.
static bool add_ports(const struct card *card, unsigned bar)
{
    uint32_t value = get(card, bar_offset(bar));
    uint32_t base = value & PCI_BAR_IO_MASK;
    if ((value & PCI_BAR_IO) == 0) {
        return false;
    }
    if (base == 0) {
        card->ports->unassigned++;
        return true;
    }
    uint32_t count = MIN(port_count(card, bar, value), PORTS_MAX);
    for (uint32_t at = 0; at + PORTS_PER_LINE <= count && base + at < PORT_SPACE;
         at += PORTS_PER_LINE) {
        add(card, false, base + at);
    }
    return true;
}

// An I/O base address has 32 bits. A memory base address of 64 bits takes two registers.
static unsigned bars_taken(uint32_t value)
{
    bool wide = (value & PCI_BAR_IO) == 0 && (value & PCI_BAR_MEMORY_TYPE) == PCI_BAR_MEMORY_64;
    return wide ? 2 : 1;
}

static bool add_all_ports(const struct card *card)
{
    bool found = false;
    for (unsigned bar = 0; bar < PCI_BARS; bar += bars_taken(get(card, bar_offset(bar)))) {
        found = add_ports(card, bar) || found;
    }
    return found;
}

static void add_memory(const struct card *card)
{
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        uint32_t value = get(card, bar_offset(bar));
        uint64_t base = value & PCI_BAR_MEMORY_MASK;
        if (bars_taken(value) == 2 && bar + 1 < PCI_BARS) {
            base |= (uint64_t)get(card, bar_offset(bar + 1)) << 32;
        }
        if (base != 0) {
            set_command(card, 0, (uint32_t)PCI_COMMAND_MEMORY);
            add(card, true, base);
            return;
        }
    }
    card->ports->unassigned++;
}

static void look_at(const struct card *card)
{
    uint32_t class = get(card, PCI_CLASS);
    uint32_t header = get(card, PCI_HEADER_TYPE) >> PCI_HEADER_SHIFT & PCI_HEADER_MASK;
    if (class >> PCI_SUBCLASS_SHIFT != CLASS_SERIAL ||
        (class >> PCI_INTERFACE_SHIFT & UINT8_MAX) > INTERFACE_LAST || header != 0) {
        return;
    }
    if (!add_all_ports(card)) {
        add_memory(card);
    }
}

static void look_at_device(struct card *card)
{
    unsigned functions = 1;
    for (unsigned function = 0; function < functions; function++) {
        card->where.function = (uint8_t)function;
        if (get(card, PCI_ID) == PCI_NOBODY) {
            continue;
        }
        if (get(card, PCI_HEADER_TYPE) >> PCI_HEADER_SHIFT & PCI_HEADER_MULTIPLE) {
            functions = PCI_FUNCTIONS;
        }
        look_at(card);
    }
}

// Looks at every bus, whether or not a bridge leads to it: a machine may have several roots.
void pci_serial_find(const struct pci_config *config, struct pci_serial_ports *ports)
{
    struct card card = {.config = config, .ports = ports};
    for (unsigned bus = 0; bus < PCI_BUSES; bus++) {
        for (unsigned device = 0; device < PCI_DEVICES; device++) {
            card.where = (struct pci_address){.bus = (uint8_t)bus, .device = (uint8_t)device};
            look_at_device(&card);
        }
    }
}
