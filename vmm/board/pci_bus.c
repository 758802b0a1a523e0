// SPDX-License-Identifier: MIT
// Wires PCI functions to the buses, the interrupt lines and the local APICs.
#include "vmm/board/pci_bus.h"

#include "arch/x86/pci_registers.h"
#include "vmm/address.h"
#include "vmm/board/io_bus.h"
#include "vmm/board/memory_bus.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/device.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/pci_host.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

#define FIRST_PORT 0xc000ULL
#define PORTS_END 0x10000ULL

// A message to local APICs (SDM Vol. 3A 11.11).
#define MESSAGE_APICS 0xfeeU // bits 63-20 of the address
#define MESSAGE_APICS_SHIFT 20
#define MESSAGE_DESTINATION_SHIFT 12
#define MESSAGE_REDIRECTED BIT(3)
#define MESSAGE_LOGICAL BIT(2)
#define DATA_DELIVERY_SHIFT 8
#define DATA_ASSERTED BIT(14)
#define DATA_LEVEL BIT(15)
#define XAPIC_EVERYONE 0xffU

// ---- Base addresses ----

static uint64_t window_memory_read(struct memory_range *range, uint64_t offset, unsigned width)
{
    struct pci_window *window = container_of(range, struct pci_window, memory);
    return pci_function_bar_read(window->function, window->bar, offset, width);
}

static void window_memory_write(struct memory_range *range, uint64_t offset, unsigned width,
                                uint64_t value)
{
    struct pci_window *window = container_of(range, struct pci_window, memory);
    pci_function_bar_write(window->function, window->bar, offset, width, value);
}

static uint32_t window_port_read(struct io_range *range, unsigned offset, unsigned width)
{
    struct pci_window *window = container_of(range, struct pci_window, ports);
    return (uint32_t)pci_function_bar_read(window->function, window->bar, offset, width);
}

static void window_port_write(struct io_range *range, unsigned offset, unsigned width,
                              uint32_t value)
{
    struct pci_window *window = container_of(range, struct pci_window, ports);
    pci_function_bar_write(window->function, window->bar, offset, width, value);
}

// A base address that touches RAM does not answer at all.
static void claim_window(const struct pci_wires *wires, struct pci_window *window)
{
    const struct pci_bar *bar = &window->function->bars[window->bar];
    uint64_t base;
    if (!pci_function_answers(window->function, window->bar, &base)) {
        return;
    }
    if (bar->kind == PCI_BAR_PORTS) {
        window->ports.first = (uint16_t)base;
        window->ports.count = (uint16_t)bar->bytes;
        io_bus_claim_bar(wires->io, &window->ports);
    } else if (!guest_memory_touches(wires->ram, gpa(base), bar->bytes)) {
        window->memory.base = base;
        window->memory.bytes = bar->bytes;
        memory_bus_claim_bar(wires->memory, &window->memory);
    }
}

// All are claimed anew, so that of two at one address the one in the lower slot answers, whichever
// came there first.
static void decode(struct pci_output *output, struct pci_function *function)
{
    (void)function;
    struct pci_bus *bus = container_of(output, struct pci_bus, output);
    io_bus_release_bars(bus->wires.io);
    memory_bus_release_bars(bus->wires.memory);
    for (unsigned slot = 1; slot < bus->slot_count; slot++) {
        for (unsigned bar = 0; bar < PCI_BARS; bar++) {
            claim_window(&bus->wires, &bus->slots[slot]->windows[bar]);
        }
    }
}

// ---- Interrupts ----

static void intx_set(struct irq_line *line, bool level)
{
    struct pci_slot *slot = container_of(line, struct pci_slot, intx);
    struct pci_bus *bus = slot->bus;
    unsigned number = pci_bus_irq(slot->number, 0) == PCI_IRQ_ODD;
    uint32_t before = bus->asserted[number];
    uint32_t after = level ? before | 1U << slot->number : before & ~(1U << slot->number);
    bus->asserted[number] = after;
    if ((before != 0) != (after != 0)) {
        irq_line_set(bus->wires.lines[number], after != 0);
    }
}

// The redirection hint lets a logical destination choose the one with the lowest priority.
static enum apic_delivery delivery_of(uint64_t address, uint32_t data)
{
    enum apic_delivery delivery = (enum apic_delivery)(data >> DATA_DELIVERY_SHIFT & 7);
    bool chosen = (address & MESSAGE_REDIRECTED) && (address & MESSAGE_LOGICAL);
    return delivery == APIC_FIXED && chosen ? APIC_LOWEST_PRIORITY : delivery;
}

// The end of a level has no meaning: a local APIC takes it as a message like any other (SDM Vol. 3A
// 11.11.2), so it is dropped.
static void send(struct pci_output *output, uint64_t address, uint32_t data)
{
    struct pci_bus *bus = container_of(output, struct pci_bus, output);
    uint8_t destination = (uint8_t)(address >> MESSAGE_DESTINATION_SHIFT);
    if (address >> MESSAGE_APICS_SHIFT != MESSAGE_APICS ||
        (data & (DATA_LEVEL | DATA_ASSERTED)) == DATA_LEVEL) {
        bus->lost_messages++;
        bus->last_lost_message = address;
        return;
    }
    const struct apic_message message = {
        .vector = (uint8_t)data,
        .delivery = delivery_of(address, data),
        .logical = address & MESSAGE_LOGICAL,
        .level = data & DATA_LEVEL,
        .destination = destination == XAPIC_EVERYONE ? UINT32_MAX : destination,
    };
    bus->wires.apics->deliver(bus->wires.apics, &message);
}

// ---- Composition ----

void pci_bus_init(struct pci_bus *bus, const struct pci_wires *wires)
{
    *bus = (struct pci_bus){
        .slot_count = 1, .wires = *wires, .output = {.decode = decode, .message = send}};
    pci_host_init(&bus->host);
}

bool pci_bus_attach(struct pci_bus *bus, struct pci_slot *slot, struct pci_function *function)
{
    if (bus->slot_count == PCI_HOST_SLOTS) {
        return false;
    }
    *slot = (struct pci_slot){
        .bus = bus, .function = function, .intx = {intx_set}, .number = (uint8_t)bus->slot_count++};
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        slot->windows[bar] = (struct pci_window){
            .memory = {.read = window_memory_read, .write = window_memory_write},
            .ports = {.any_width = true, .read = window_port_read, .write = window_port_write},
            .function = function,
            .bar = (uint8_t)bar};
    }
    bus->slots[slot->number] = slot;
    pci_host_attach(&bus->host, slot->number, function);
    return true;
}

// ---- Firmware ----

// The next free place of so many bytes, aligned to its size. `*next` moves behind it. 0: there is
// none before `end`.
static uint64_t take(uint64_t *next, uint64_t bytes, uint64_t end)
{
    uint64_t base = ALIGN_UP(*next, bytes);
    if (bytes > end || base > end - bytes) {
        return 0;
    }
    *next = base + bytes;
    return base;
}

void pci_bus_program(struct pci_bus *bus)
{
    uint64_t port = FIRST_PORT;
    uint64_t address = GUEST_PCI_WINDOW;
    for (unsigned slot = 1; slot < bus->slot_count; slot++) {
        struct pci_function *function = bus->slots[slot]->function;
        for (unsigned i = 0; i < PCI_BARS; i++) {
            const struct pci_bar *bar = &function->bars[i];
            if (bar->kind == PCI_BAR_ABSENT) {
                continue;
            }
            uint64_t base = bar->kind == PCI_BAR_PORTS
                                ? take(&port, bar->bytes, PORTS_END)
                                : take(&address, bar->bytes, GUEST_PCI_CONFIG);
            pci_function_config_write(function, PCI_BAR + 4 * i, 4, (uint32_t)base);
        }
        pci_function_config_write(function, PCI_INTERRUPT, 1, pci_bus_irq(slot, 0));
        pci_function_config_write(function, PCI_COMMAND, 2,
                                  (uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    }
}
