// SPDX-License-Identifier: MIT
// The controller's PCI function and registers (xHCI 1.2, 5).
#include "tests/host/drivers/fake_xhci.h"

#include <string.h>

#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_poll.h"
#include "drivers/xhci_probe.h"
#include "drivers/xhci_start.h"
#include "tests/host/drivers/fake_frames.h"
#include "tests/host/drivers/fake_usb.h"
#include "tests/host/drivers/fake_xhci_slots.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/status.h"

#define PORT_ROUTING 0xd0
#define PORT_ROUTING_MASK 0xd4
#define PHYSICAL_BITS 39
#define OPERATIONAL 0x20
#define RUNTIME 0x1000
#define DOORBELLS 0x2000
#define EXTENDED 0x800
#define PROTOCOL_2 0x820
#define PROTOCOL_3 0x840
#define PORTS_2 4 // of FAKE_XHCI_PORTS
#define BAR 0xfebf0000ULL
#define BAR_BYTES 0x4000
#define POLL_NS (4 * NS_PER_MS)
#define CSC (1u << 17)
#define PRC (1u << 21)

struct fake_xhci fake_xhci;

static uint32_t bar_register;

bool machine_memory_can_be_device(uint64_t address, uint64_t bytes)
{
    return address <= BIT(PHYSICAL_BITS) - bytes;
}

volatile void *paging_map_device(uint64_t physical, uint64_t bytes, enum cache_type type)
{
    fake_frames_check(physical == fake_xhci.address && bytes <= fake_xhci.bar_bytes &&
                          type == CACHE_UNCACHED,
                      "something else is mapped");
    return (volatile void *)&fake_xhci;
}

static uint32_t read_config(const struct pci_config *config, struct pci_address where,
                            unsigned offset)
{
    (void)config;
    (void)where;
    switch (offset) {
    case PCI_ID:
        return fake_xhci.pci_id;
    case PCI_COMMAND:
        return fake_xhci.pci_command;
    case PCI_CLASS:
        return 0x0c033001;
    case PCI_BAR:
        return bar_register;
    case PORT_ROUTING:
        return fake_xhci.port_routing;
    case PORT_ROUTING_MASK:
        return 0x0f;
    case PCI_BAR + 4:
        return (uint32_t)(fake_xhci.address >> 32);
    default:
        return 0;
    }
}

static void write_config(const struct pci_config *config, struct pci_address where, unsigned offset,
                         uint32_t value)
{
    (void)config;
    (void)where;
    if (offset == PCI_COMMAND) {
        fake_xhci.pci_command = value;
        fake_frames.dma_is_permitted = (value & PCI_COMMAND_MASTER) != 0;
        return;
    }
    if (offset == PORT_ROUTING) {
        fake_xhci.port_routing = value;
        return;
    }
    fake_frames_check(offset == PCI_BAR && !(fake_xhci.pci_command & PCI_COMMAND_MEMORY),
                      "a base address is changed while the controller answers");
    bar_register = (value & ~(fake_xhci.bar_bytes - 1)) | 4;
}

static const struct pci_config config = {.read = read_config, .write = write_config};

// ---- Registers ----

void fake_xhci_plug(unsigned port, struct fake_usb_device *device)
{
    fake_xhci.devices[port] = device;
    fake_xhci.portsc[port] &= ~(uint32_t)(XHCI_CCS | XHCI_PED | 15u << XHCI_PORT_SPEED_SHIFT);
    fake_xhci.portsc[port] |= device ? (uint32_t)XHCI_CCS : 0;
    if (device && port > PORTS_2) { // a port for USB 3 trains the link by itself
        fake_xhci.portsc[port] |= (uint32_t)XHCI_PED | 4u << XHCI_PORT_SPEED_SHIFT;
    }
    fake_xhci_change_port(port, CSC);
}

static void write_portsc(unsigned port, uint32_t value)
{
    uint32_t *portsc = &fake_xhci.portsc[port];
    if (!(*portsc & XHCI_PP)) {
        *portsc = (uint32_t)XHCI_PP | (fake_xhci.devices[port] ? (uint32_t)XHCI_CCS : 0);
    }
    fake_frames_check(!(value & XHCI_PED), "a port is disabled");
    fake_frames_check(value & XHCI_PP, "a port is switched off");
    fake_frames_check(port <= PORTS_2 || !(value & XHCI_PR), "a port for USB 3 is reset");
    *portsc &= ~(value & (uint32_t)XHCI_PORT_CHANGES);
    if ((value & XHCI_PR) && fake_xhci.devices[port]) {
        fake_usb_reset(fake_xhci.devices[port]);
        *portsc |= (uint32_t)XHCI_PED | (uint32_t)fake_xhci.devices[port]->speed
                                            << XHCI_PORT_SPEED_SHIFT;
        fake_xhci_change_port(port, PRC);
    }
}

static void write_command(uint32_t value)
{
    if ((value & XHCI_RUN_STOP) && !(fake_xhci.command & XHCI_RUN_STOP)) {
        fake_xhci.commands = fake_xhci_ring_at(fake_xhci.crcr);
        fake_xhci.event_next = 0;
        fake_xhci.event_cycle = true;
        fake_frames_check(fake_xhci.erdp != 0 && fake_xhci.erstba != 0 && fake_xhci.dcbaap != 0,
                          "no set-up");
        const uint64_t *dcbaa = fake_frames_dma(fake_xhci.dcbaap, 8);
        fake_frames_check((dcbaa[0] != 0) == (fake_xhci.scratchpads != 0), "scratchpad buffers");
    }
    fake_xhci.command = value & ~(uint32_t)XHCI_HCRST;
    fake_xhci.status &= ~(uint32_t)XHCI_HCHALTED;
    fake_xhci.status |= value & XHCI_RUN_STOP ? 0 : (uint32_t)XHCI_HCHALTED;
    if (value & XHCI_HCRST) {
        fake_frames_check((fake_xhci.status & XHCI_HCHALTED) != 0, "a reset while it runs");
        fake_xhci.resets++;
        fake_xhci.status = XHCI_HCHALTED;
        fake_xhci.command = fake_xhci.reset_hangs ? (uint32_t)XHCI_HCRST : 0;
        memset(fake_xhci.slots, 0, sizeof(fake_xhci.slots));
        for (unsigned port = 1; port <= FAKE_XHCI_PORTS; port++) {
            fake_xhci_plug(port, fake_xhci.devices[port]);
            fake_xhci.portsc[port] &= fake_xhci.ports_are_off ? 0 : UINT32_MAX;
        }
    }
}

static uint32_t read_capability(uint32_t offset)
{
    switch (offset) {
    case XHCI_CAPLENGTH:
        return 0x01100000 | OPERATIONAL;
    case XHCI_HCSPARAMS1:
        return fake_xhci.slot_count | 1u << 8 | (uint32_t)FAKE_XHCI_PORTS << 24;
    case XHCI_HCSPARAMS2:
        return (fake_xhci.scratchpads & 31) << 27 | fake_xhci.scratchpads >> 5 << 21;
    case XHCI_HCCPARAMS1:
        return (fake_xhci.has_long_contexts ? 4 : 0) | EXTENDED / 4 << 16;
    case XHCI_DBOFF:
        return fake_xhci.doorbell_offset;
    case XHCI_RTSOFF:
        return RUNTIME;
    default:
        return 0;
    }
}

static uint32_t read_extended(uint32_t offset)
{
    uint32_t legacy_id = fake_xhci.has_legacy ? XHCI_ID_LEGACY : 0xc0;
    switch (offset) {
    case EXTENDED:
        return legacy_id | (PROTOCOL_2 - EXTENDED) / 4 << 8 | fake_xhci.legacy;
    case EXTENDED + XHCI_USBLEGCTLSTS:
        return fake_xhci.legacy_control;
    case PROTOCOL_2:
        return 2u << 24 | XHCI_ID_PROTOCOL | (PROTOCOL_3 - PROTOCOL_2) / 4 << 8;
    case PROTOCOL_2 + XHCI_PROTOCOL_PORTS:
        return 1 | PORTS_2 << 8;
    case PROTOCOL_3:
        return 3u << 24 | XHCI_ID_PROTOCOL;
    case PROTOCOL_3 + XHCI_PROTOCOL_PORTS:
        return (PORTS_2 + 1) | (FAKE_XHCI_PORTS - PORTS_2) << 8;
    default:
        return 0;
    }
}

uint32_t xhci_read(const struct xhci *xhci, uint32_t offset)
{
    (void)xhci;
    fake_xhci.reads++;
    fake_frames_check(offset % 4 == 0 && offset < fake_xhci.bar_bytes, "a register outside");
    if (offset < OPERATIONAL) {
        return read_capability(offset);
    }
    if (offset >= EXTENDED) {
        return read_extended(offset);
    }
    switch (offset - OPERATIONAL) {
    case XHCI_USBCMD:
        return fake_xhci.command;
    case XHCI_USBSTS:
        return fake_xhci.status;
    case XHCI_PAGESIZE:
        return 1;
    default:
        break;
    }
    unsigned port = (offset - OPERATIONAL - XHCI_PORTSC) / XHCI_PORT_BYTES + 1;
    fake_frames_check(port <= FAKE_XHCI_PORTS, "a register that the driver need not know");
    return fake_xhci.portsc[port];
}

static void set_half(uint64_t *value, unsigned half, uint32_t to)
{
    memcpy((uint32_t *)(void *)value + half, &to, sizeof(to));
}

static void write_operational(uint32_t offset, uint32_t value)
{
    fake_frames_check(!(fake_xhci.command & XHCI_HCRST), "a write during a reset");
    switch (offset) {
    case XHCI_USBCMD:
        write_command(value);
        return;
    case XHCI_CRCR:
    case XHCI_CRCR + 4:
        set_half(&fake_xhci.crcr, (offset - XHCI_CRCR) / 4, value);
        return;
    case XHCI_DCBAAP:
    case XHCI_DCBAAP + 4:
        set_half(&fake_xhci.dcbaap, (offset - XHCI_DCBAAP) / 4, value);
        return;
    case XHCI_CONFIG:
        fake_xhci.config = value;
        return;
    default:
        write_portsc((offset - XHCI_PORTSC) / XHCI_PORT_BYTES + 1, value);
    }
}

static void write_legacy(uint32_t offset, uint32_t value)
{
    if (offset != EXTENDED) {
        fake_xhci.legacy_control = value & ~(uint32_t)XHCI_SMI_EVENTS;
        return;
    }
    fake_xhci.legacy = value & (uint32_t)(XHCI_OS_OWNED | XHCI_BIOS_OWNED);
    if ((value & XHCI_OS_OWNED) && !fake_xhci.firmware_holds) {
        fake_xhci.legacy = (uint32_t)XHCI_OS_OWNED;
    }
}

void xhci_write(const struct xhci *xhci, uint32_t offset, uint32_t value)
{
    (void)xhci;
    fake_frames_check(offset % 4 == 0 && offset < fake_xhci.bar_bytes, "a register outside");
    if (offset >= fake_xhci.doorbell_offset) {
        fake_frames_check(fake_xhci_is_running(), "a doorbell of a controller that does not run");
        fake_xhci_doorbell((offset - fake_xhci.doorbell_offset) / 4, value);
    } else if (offset == RUNTIME + XHCI_ERSTSZ) {
        fake_xhci.erstsz = value;
    } else if (offset >= RUNTIME + XHCI_ERSTBA) {
        unsigned half = offset / 4 % 2;
        set_half(offset < RUNTIME + XHCI_ERDP ? &fake_xhci.erstba : &fake_xhci.erdp, half, value);
    } else if (offset >= EXTENDED) {
        write_legacy(offset, value);
    } else {
        write_operational(offset - OPERATIONAL, value);
    }
}

// ---- For tests ----

void fake_xhci_clear(void)
{
    memset(&fake_xhci, 0, sizeof(fake_xhci));
    fake_frames_clear();
    fake_xhci.slot_count = FAKE_XHCI_SLOTS;
    fake_xhci.address = BAR;
    fake_xhci.bar_bytes = BAR_BYTES;
    fake_xhci.has_legacy = true;
    fake_xhci.doorbell_offset = DOORBELLS;
    fake_xhci.legacy = (uint32_t)XHCI_BIOS_OWNED;
    fake_xhci.legacy_control = (uint32_t)XHCI_SMI_ENABLES;
    fake_xhci.command = (uint32_t)XHCI_RUN_STOP;
    fake_xhci.pci_command = (uint32_t)(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    for (unsigned port = 1; port <= FAKE_XHCI_PORTS; port++) {
        fake_xhci.portsc[port] = (uint32_t)XHCI_PP;
    }
}

bool fake_xhci_open(struct reason *why)
{
    struct pci_function function = {.config = &config, .where = {.device = 2}};
    bar_register = (uint32_t)fake_xhci.address | 4;
    fake_xhci.xhci = xhci_open(&function, &fake_xhci.typed, why);
    if (fake_xhci.xhci) {
        xhci_start(fake_xhci.xhci);
    }
    return fake_xhci.xhci;
}

void fake_xhci_run_ms(unsigned ms)
{
    for (uint64_t end = fake_frames.now_ns + ms * NS_PER_MS; fake_frames.now_ns < end;
         fake_frames.now_ns += POLL_NS) {
        xhci_poll(fake_xhci.xhci);
    }
}
