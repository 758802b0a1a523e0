// SPDX-License-Identifier: MIT
// Lists functions and capabilities, sizes base addresses and moves them.
#include "guests/pci/bus.h"

#include "guests/lib/pci.h"
#include "guests/lib/port.h"
#include "guests/lib/print.h"

#define CLASS_HOST_BRIDGE 0x0600
#define CAPABILITY_VENDOR 0x09
#define OTHER_PORTS 0x2000
#define OTHER_MEMORY 0xd0000000U

static bool agree(unsigned slot)
{
    for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset += 4) {
        if (pci_read(slot, offset, 4) != pci_read_ports(slot, offset)) {
            return false;
        }
    }
    return true;
}

unsigned bus_list(void)
{
    unsigned devices = 0;
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        uint32_t id = pci_read(slot, PCI_ID, 4);
        if (id == PCI_NOBODY) {
            continue;
        }
        uint32_t class = pci_read(slot, PCI_CLASS, 4);
        print("pci: 00:%02x %04x:%04x class %06x pin %u line %u%s\n", slot, id & 0xffff, id >> 16,
              class >> 8, pci_read(slot, PCI_INTERRUPT + 1, 1), pci_read(slot, PCI_INTERRUPT, 1),
              agree(slot) ? "" : ", and ports and memory DISAGREE");
        devices += class >> 16 != CLASS_HOST_BRIDGE;
    }
    return devices;
}

static void print_virtio(unsigned slot, unsigned at)
{
    static const char *const types[] = {"?", "common", "notify", "ISR", "device", "window"};
    unsigned type = pci_read(slot, at + 3, 1);
    print("virtio %s: %u bytes at %x of BAR %u\n", types[type < ARRAY_SIZE(types) ? type : 0],
          pci_read(slot, at + 12, 4), pci_read(slot, at + 8, 4), pci_read(slot, at + 4, 1));
}

void bus_list_capabilities(unsigned slot)
{
    for (unsigned at = pci_read(slot, PCI_CAPABILITIES, 1); at != 0;
         at = pci_read(slot, at + 1, 1)) {
        print("pci: capability at %x: ", at);
        switch (pci_read(slot, at, 1)) {
        case PCI_CAPABILITY_MSI:
            print("MSI, control %x\n", pci_read(slot, at + PCI_MSI_CONTROL, 2));
            break;
        case PCI_CAPABILITY_MSIX:
            print("MSI-X, %u vectors, BAR %u\n",
                  (pci_read(slot, at + PCI_MSIX_CONTROL, 2) & PCI_MSIX_SIZE_MASK) + 1,
                  pci_read(slot, at + PCI_MSIX_TABLE, 4) & PCI_MSIX_BAR_MASK);
            break;
        case CAPABILITY_VENDOR:
            print_virtio(slot, at);
            break;
        default:
            print("ID %02x\n", pci_read(slot, at, 1));
            break;
        }
    }
}

// ---- Base addresses ----

static void put_bar(unsigned slot, unsigned bar, uint32_t value)
{
    uint32_t command = pci_read(slot, PCI_COMMAND, 2);
    pci_write(slot, PCI_COMMAND, 2, command & ~(uint32_t)(PCI_COMMAND_IO | PCI_COMMAND_MEMORY));
    pci_write(slot, PCI_BAR + 4 * bar, 4, value);
    pci_write(slot, PCI_COMMAND, 2, command);
}

// How many bytes or ports it has. 0: there is none.
static uint32_t size_of(unsigned slot, unsigned bar)
{
    bool ports;
    uint32_t before = pci_read(slot, PCI_BAR + 4 * bar, 4);
    pci_write(slot, PCI_COMMAND, 2, 0);
    pci_write(slot, PCI_BAR + 4 * bar, 4, UINT32_MAX);
    uint32_t mask = (uint32_t)pci_bar(slot, bar, &ports);
    put_bar(slot, bar, before);
    return mask & -mask;
}

// Where nobody is, all bits read 1.
static bool somebody_at(uint64_t base, bool ports)
{
    return ports ? in32((uint16_t)base) != UINT32_MAX
                 : *(volatile uint32_t *)(uintptr_t)base != UINT32_MAX;
}

static bool moves(unsigned slot, unsigned bar)
{
    bool ports;
    uint64_t home = pci_bar(slot, bar, &ports);
    uint32_t away = ports ? OTHER_PORTS : OTHER_MEMORY;
    bool there_before = somebody_at(home, ports) && !somebody_at(away, ports);
    put_bar(slot, bar, away);
    bool moved = !somebody_at(home, ports) && somebody_at(away, ports);
    put_bar(slot, bar, (uint32_t)home);
    return there_before && moved && somebody_at(home, ports) && !somebody_at(away, ports);
}

unsigned bus_move_bars(unsigned slot)
{
    uint32_t command = pci_read(slot, PCI_COMMAND, 2);
    unsigned failures = 0;
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        bool ports;
        uint64_t base = pci_bar(slot, bar, &ports);
        uint32_t bytes = size_of(slot, bar);
        pci_write(slot, PCI_COMMAND, 2, command);
        if (bytes == 0) {
            continue;
        }
        bool moved = moves(slot, bar);
        print("pci: BAR %u: %u %s at %lx, %s\n", bar, bytes, ports ? "ports" : "bytes", base,
              moved ? "moves" : "does NOT move");
        failures += !moved;
    }
    return failures;
}
