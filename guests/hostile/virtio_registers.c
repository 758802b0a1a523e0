// SPDX-License-Identifier: MIT
// Registers of a virtio device, of PCI's configuration space and of MSI-X: every width, every
// place, addresses that belong to others.
#include "arch/x86/pci_registers.h"
#include "guests/hostile/access.h"
#include "guests/hostile/disk.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/health.h"
#include "guests/hostile/machine.h"
#include "guests/lib/apic.h"
#include "guests/lib/pci.h"
#include "guests/lib/port.h"

#define ADDRESS_PORT 0xcf8
#define DATA_PORT 0xcfc
#define ADDRESS_ENABLE (1U << 31)
#define ADDRESS_SLOT_SHIFT 11
#define ECAM 0xfeb00000ULL
#define ECAM_BYTES MIB
#define BAR_BYTES 0x1000U
#define SLOTS_USED 3U
#define CAPABILITY_VENDOR 0x09
#define CAPABILITY_TYPE 3
#define CFG_PCI 5
#define MESSAGE_VECTOR 0x72U
#define MESSAGE_TO_NOBODY 0xfee7f000U
#define DELIVERY_SHIFT 8

static const uint64_t patterns[] = {0, UINT64_MAX, 0x5555555555555555, 0x0123456789abcdef};

// ---- The configuration space ----

static uint32_t saved[SLOTS_USED][PCI_CONFIG_BYTES / 4];

static void save_config(void)
{
    for (unsigned slot = 0; slot < SLOTS_USED; slot++) {
        for (unsigned i = 0; i < PCI_CONFIG_BYTES / 4; i++) {
            saved[slot][i] = pci_read(slot, 4 * i, 4);
        }
    }
}

// The header comes last: it has the switch.
static void put_config_back(void)
{
    for (unsigned slot = 0; slot < SLOTS_USED; slot++) {
        for (unsigned i = PCI_CONFIG_BYTES / 4; i-- > 0;) {
            pci_write(slot, 4 * i, 4, saved[slot][i]);
        }
    }
}

static enum outcome configuration_by_ports(void)
{
    save_config();
    for (unsigned slot = 0; slot <= SLOTS_USED; slot++) {
        for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset++) {
            uint32_t value = (uint32_t)patterns[offset % ARRAY_SIZE(patterns)];
            uint16_t port = (uint16_t)(DATA_PORT + offset % 4);
            out32(ADDRESS_PORT, ADDRESS_ENABLE | slot << ADDRESS_SLOT_SHIFT | (offset & ~3U));
            out8(port, (uint8_t)value);
            out16(port, (uint16_t)value);
            out32(port, value);
            (void)in8(port);
            (void)in16(port);
            (void)in32(port);
        }
    }
    put_config_back();
    return disk_works();
}

// All of the space's slots, and every register of those that are used.
static enum outcome configuration_by_memory(void)
{
    save_config();
    for (uint64_t offset = 0; offset < ECAM_BYTES; offset += offset < 0x18000 ? 1 : 509) {
        for (unsigned width = 1; width <= 8; width *= 2) {
            access_write(ECAM + offset, width, patterns[(offset + width) % ARRAY_SIZE(patterns)]);
            (void)access_read(ECAM + offset, width);
        }
        offset += offset % 0x1000 == 0x1ff ? 0xdf0 : 0; // the rest of a function's page is empty
    }
    put_config_back();
    return disk_works();
}

// ---- The device's own registers ----

// Each width at each place, also across the end. Any queue, any status, any feature.
static enum outcome device_registers(void)
{
    for (unsigned round = 0; round < ARRAY_SIZE(patterns); round++) {
        for (unsigned offset = 0; offset < BAR_BYTES; offset += offset < 0x440 ? 1 : 61) {
            for (unsigned width = 1; width <= 8; width *= 2) {
                access_write(disk.common + offset, width, patterns[round]);
                (void)access_read(disk.common + offset, width);
            }
        }
    }
    return disk_works();
}

static enum outcome statuses_in_any_order(void)
{
    for (unsigned status = 0; status < 256; status++) {
        *virtio_reg8(&disk, VIRTIO_STATUS) = (uint8_t)status;
        virtio_notify(&disk, 0);
        *virtio_reg8(&disk, VIRTIO_STATUS) = (uint8_t)~status;
        virtio_notify(&disk, 0);
    }
    return disk_works();
}

// The capability by which a driver reaches what lies in a BAR (4.1.4.9).
static unsigned window(void)
{
    unsigned at = 0;
    for (unsigned nth = 0; (at = pci_capability(disk.slot, CAPABILITY_VENDOR, nth)) != 0; nth++) {
        if (pci_read(disk.slot, at + CAPABILITY_TYPE, 1) == CFG_PCI) {
            break;
        }
    }
    return at;
}

static enum outcome through_the_window(void)
{
    static const uint32_t offsets[] = {0, 20, 0x100, 0x7fc, 0xffd, 0x1000, UINT32_MAX};
    static const uint32_t lengths[] = {0, 1, 2, 3, 4, 8, UINT32_MAX};
    unsigned at = window();
    for (unsigned bar = 0; bar < 256; bar += bar < 8 ? 1 : 31) {
        for (unsigned i = 0; i < ARRAY_SIZE(offsets) * ARRAY_SIZE(lengths); i++) {
            pci_write(disk.slot, at + 4, 1, bar);
            pci_write(disk.slot, at + 8, 4, offsets[i / ARRAY_SIZE(lengths)]);
            pci_write(disk.slot, at + 12, 4, lengths[i % ARRAY_SIZE(lengths)]);
            (void)pci_read(disk.slot, at + 16, 4);
            pci_write(disk.slot, at + 16, 4, i % 2 ? 0 : UINT32_MAX);
            (void)pci_read(disk.slot, at + 16, 1);
            pci_write(disk.slot, at + 16, 2, 0);
        }
    }
    return disk_works();
}

// ---- Base addresses over what belongs to others ----

static void put_bar(unsigned slot, unsigned bar, uint64_t address)
{
    pci_write(slot, PCI_BAR + 4 * bar, 4, (uint32_t)address);
}

// What is there must answer as before: RAM, or a device that comes first.
static enum outcome bar_over(uint64_t address)
{
    bool ports;
    uint64_t home = pci_bar(disk.slot, 4, &ports);
    uint32_t before = *(volatile uint32_t *)(uintptr_t)address;
    put_bar(disk.slot, 4, address);
    uint32_t after = *(volatile uint32_t *)(uintptr_t)address;
    put_bar(disk.slot, 4, home);
    return before == after ? disk_works() : attempt_wrong("what is at the address", after);
}

static enum outcome bars_over_ram_and_devices(void)
{
    static volatile uint32_t mine;
    const uint64_t addresses[] = {
        ALIGN_DOWN((uintptr_t)&mine, PAGE_SIZE),
        APIC_DEFAULT_ADDRESS + APIC_VERSION,
        0xfec00000,
        0xfed00000,
        ECAM,
        machine_memory_end() - PAGE_SIZE,
    };
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        enum outcome outcome = bar_over(addresses[i]);
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    return devices_work();
}

// All base addresses of all functions at one place.
static enum outcome bars_over_each_other(void)
{
    save_config();
    uint64_t home = disk.common;
    for (unsigned slot = 1; slot < SLOTS_USED; slot++) {
        for (unsigned bar = 0; bar < PCI_BARS; bar++) {
            put_bar(slot, bar, home);
        }
    }
    for (unsigned offset = 0; offset < BAR_BYTES; offset += 4) {
        access_write(home + offset, 4, offset);
        (void)access_read(home + offset, 4);
    }
    put_config_back();
    return disk_works();
}

// Ports of the PC's own devices stay theirs.
static enum outcome ports_over_devices(void)
{
    static const uint16_t ports[] = {0, 0x20, 0x40, 0x60, 0x3e0, 0x600, 0xce0, 0xffe0};
    bool is_ports;
    uint64_t home = pci_bar(disk.slot, 0, &is_ports);
    for (unsigned i = 0; i < ARRAY_SIZE(ports); i++) {
        put_bar(disk.slot, 0, ports[i]);
        for (uint16_t port = ports[i]; port < ports[i] + 8U; port++) {
            (void)in8(port);
            (void)in32(port);
        }
        enum outcome outcome = devices_work();
        if (outcome != OUTCOME_DONE) {
            return outcome;
        }
    }
    put_bar(disk.slot, 0, home);
    return disk_works();
}

// ---- Messages ----

// The interrupt of a request goes out as this message.
static void send_message(uint32_t address, uint32_t high, uint32_t data)
{
    disk_prepare();
    *virtio_reg16(&disk, VIRTIO_QUEUE_VECTOR) = 0;
    pci_msix_set(disk.slot, 0, address, data, 0);
    pci_msix_table(disk.slot)[1] = high;
    pci_msix_enable(disk.slot, true);
    disk_run();
    disk_describe(DISK_READ);
    (void)disk_send(0);
    pci_msix_enable(disk.slot, false);
}

// A message is no write to memory.
static enum outcome messages_to_memory(void)
{
    static volatile uint32_t mine;
    const uint64_t addresses[] = {(uintptr_t)&mine,
                                  (uintptr_t)&disk_queue.used,
                                  0,
                                  0xb8000,
                                  machine_memory_end(),
                                  disk.common + VIRTIO_STATUS,
                                  0xfec00000,
                                  0xfed00000,
                                  0xfef00000,
                                  0xfffffffc};
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        send_message((uint32_t)addresses[i], 0, UINT32_MAX);
        send_message((uint32_t)addresses[i], UINT32_MAX, UINT32_MAX);
        if (mine != 0) {
            return attempt_wrong("RAM after a message", mine);
        }
    }
    return disk_works();
}

// Every delivery mode with every kind of destination. An INIT would reset the only processor, so it
// goes to nobody.
static enum outcome messages_of_all_modes(void)
{
    for (unsigned mode = 0; mode < 8; mode++) {
        for (unsigned bits = 0; bits < 4; bits++) {
            bool to_nobody = mode == 5;
            uint32_t address = to_nobody ? MESSAGE_TO_NOBODY : (uint32_t)APIC_DEFAULT_ADDRESS;
            send_message(address | bits << 2, 0, mode << DELIVERY_SHIFT | MESSAGE_VECTOR);
            send_message(MESSAGE_TO_NOBODY | bits << 2, 0, mode << DELIVERY_SHIFT | (bits << 2));
        }
    }
    for (unsigned vector = 0; vector < 16; vector++) {
        send_message((uint32_t)APIC_DEFAULT_ADDRESS, 0, vector);
    }
    return disk_works();
}

static const struct attempt attempts[] = {
    {"every register of the configuration space, by ports", configuration_by_ports, DONE},
    {"the same by memory, in every width", configuration_by_memory, DONE},
    {"every register of the device, in every width", device_registers, DONE},
    {"the status in any order", statuses_in_any_order, DONE},
    {"the window of the configuration space, everywhere", through_the_window, DONE},
    {"registers over RAM, the APICs and the HPET", bars_over_ram_and_devices, DONE},
    {"registers over each other", bars_over_each_other, DONE},
    {"ports over those of the PC", ports_over_devices, DONE},
    {"messages to memory and to devices", messages_to_memory, DONE},
    {"messages of all modes", messages_of_all_modes, DONE},
};

const struct attempt_group virtio_registers_group = {attempts, ARRAY_SIZE(attempts)};
