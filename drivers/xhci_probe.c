// SPDX-License-Identifier: MIT
// The PCI function, capability registers and extended capabilities of a controller (xHCI 1.2, 5.2,
// 5.3, 7).
#include "drivers/xhci_probe.h"

#include "arch/x86/frames.h"
#include "arch/x86/machine_memory.h"
#include "arch/x86/paging.h"
#include "arch/x86/pci.h"
#include "drivers/pci_functions.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define CLASS_XHCI 0x0c0330
#define REGISTER_BYTES_MIN 0x1000
#define REGISTER_BYTES_MAX MIB // of which Husk maps the first
#define EXTENDED_MAX 64        // a list of more is a ring

#define PAGES(bytes) (ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE)

bool xhci_is_controller(const struct pci_function *function)
{
    return pci_class(function) == CLASS_XHCI && pci_header(function) == 0;
}

// ---- The registers ----

static enum status map_registers(struct xhci *xhci, struct reason *why)
{
    uint64_t address = pci_bar_address(&xhci->pci, 0);
    uint64_t bytes = MIN(pci_bar_bytes(&xhci->pci, 0), REGISTER_BYTES_MAX);
    if (address == 0 || bytes < REGISTER_BYTES_MIN) {
        return refuse(why, STATUS_HARDWARE, "the firmware gave it no address");
    }
    if (!machine_memory_can_be_device(address, bytes)) {
        return refuse(why, STATUS_HARDWARE, "its address is %#lx", address);
    }
    xhci->registers = paging_map_device(address, bytes, CACHE_UNCACHED);
    xhci->bytes = (uint32_t)bytes;
    pci_set_command(&xhci->pci, 0, (uint32_t)(PCI_COMMAND_MEMORY | PCI_COMMAND_NO_INTERRUPT));
    return STATUS_OK;
}

static bool has(const struct xhci *xhci, uint64_t offset, uint64_t bytes)
{
    return offset % sizeof(uint32_t) == 0 && offset + bytes <= xhci->bytes;
}

static enum status read_capabilities(struct xhci *xhci, struct reason *why)
{
    uint32_t hcsparams1 = xhci_read(xhci, XHCI_HCSPARAMS1);
    uint32_t hcsparams2 = xhci_read(xhci, XHCI_HCSPARAMS2);
    xhci->operational = xhci_read(xhci, XHCI_CAPLENGTH) & XHCI_CAPLENGTH_MASK;
    xhci->runtime = xhci_read(xhci, XHCI_RTSOFF) & XHCI_RTSOFF_MASK;
    xhci->doorbells = xhci_read(xhci, XHCI_DBOFF) & XHCI_DBOFF_MASK;
    xhci->slots = MIN(hcsparams1 & XHCI_MAX_SLOTS_MASK, XHCI_SLOTS);
    xhci->port_count = hcsparams1 >> XHCI_MAX_PORTS_SHIFT;
    xhci->scratchpads = (hcsparams2 >> XHCI_SCRATCHPADS_HIGH_SHIFT & XHCI_SCRATCHPADS_MASK) << 5 |
                        (hcsparams2 >> XHCI_SCRATCHPADS_LOW_SHIFT & XHCI_SCRATCHPADS_MASK);
    xhci->context_bytes = xhci_read(xhci, XHCI_HCCPARAMS1) & XHCI_CSZ ? 64 : 32;
    uint64_t port_bytes = (uint64_t)xhci->port_count * XHCI_PORT_BYTES;
    if (!has(xhci, xhci->operational, XHCI_PORTSC + port_bytes) ||
        !has(xhci, xhci->runtime, XHCI_RUNTIME_END) ||
        !has(xhci, xhci->doorbells, (xhci->slots + 1) * sizeof(uint32_t)) || xhci->slots == 0) {
        return refuse(why, STATUS_HARDWARE, "its registers make no sense");
    }
    if (!(xhci_read(xhci, xhci->operational + XHCI_PAGESIZE) & XHCI_PAGE_4K)) {
        return refuse(why, STATUS_UNSUPPORTED, "it has no pages of 4 KiB");
    }
    return STATUS_OK;
}

// ---- Extended capabilities ----

static void read_protocol(struct xhci *xhci, uint32_t offset)
{
    uint32_t ports = xhci_read(xhci, offset + XHCI_PROTOCOL_PORTS);
    unsigned first = ports & UINT8_MAX;
    unsigned end = first + (ports >> XHCI_PROTOCOL_COUNT_SHIFT & UINT8_MAX);
    if (xhci_read(xhci, offset) >> XHCI_PROTOCOL_MAJOR_SHIFT > 2) {
        return;
    }
    for (unsigned port = MAX(first, 1); port < end && port <= xhci->port_count; port++) {
        xhci->ports[port].is_usb2 = true;
    }
}

static void read_extended(struct xhci *xhci)
{
    uint64_t offset = (xhci_read(xhci, XHCI_HCCPARAMS1) >> XHCI_XECP_SHIFT) * sizeof(uint32_t);
    for (unsigned i = 0; i < EXTENDED_MAX && offset != 0; i++) {
        if (!has(xhci, offset, XHCI_PROTOCOL_PORTS + sizeof(uint32_t))) {
            return;
        }
        uint32_t value = xhci_read(xhci, (uint32_t)offset);
        if ((value & XHCI_EXTENDED_ID_MASK) == XHCI_ID_LEGACY) {
            xhci->legacy = (uint32_t)offset;
        } else if ((value & XHCI_EXTENDED_ID_MASK) == XHCI_ID_PROTOCOL) {
            read_protocol(xhci, (uint32_t)offset);
        }
        uint64_t next = value >> XHCI_EXTENDED_NEXT_SHIFT & XHCI_EXTENDED_NEXT_MASK;
        offset = next == 0 ? 0 : offset + next * sizeof(uint32_t);
    }
}

// ---- Memory ----

// Frames lie below 4 GiB, so a controller with addresses of 32 bits (no AC64) reaches them too.
static enum status give_memory(struct xhci *xhci, struct reason *why)
{
    uint64_t own = PAGES(sizeof(*xhci->memory));
    uint64_t array = PAGES(xhci->scratchpads * sizeof(uint64_t));
    uint8_t *memory = frames_allocate(own + array + xhci->scratchpads);
    if (!memory) {
        return refuse(why, STATUS_NO_MEMORY, "no memory for it, with %u scratchpad buffers",
                      xhci->scratchpads);
    }
    xhci->memory = (struct xhci_memory *)(void *)memory;
    if (xhci->scratchpads > 0) {
        xhci->scratchpad_array = (uint64_t *)(void *)(memory + own * PAGE_SIZE);
    }
    for (unsigned i = 0; i < xhci->scratchpads; i++) {
        xhci->scratchpad_array[i] = frames_physical(memory + (own + array + i) * PAGE_SIZE);
    }
    return STATUS_OK;
}

static enum status find_out(struct xhci *xhci, struct reason *why)
{
    enum status status = map_registers(xhci, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = read_capabilities(xhci, why);
    if (status != STATUS_OK) {
        return status;
    }
    read_extended(xhci);
    return give_memory(xhci, why);
}

struct xhci *xhci_open(const struct pci_function *function, struct key_ring *typed,
                       struct reason *why)
{
    struct xhci *xhci = frames_allocate(PAGES(sizeof(*xhci)));
    if (!xhci) {
        refuse(why, STATUS_NO_MEMORY, "no memory for it");
        return NULL;
    }
    xhci->pci = *function;
    xhci->typed = typed;
    if (find_out(xhci, why) != STATUS_OK) {
        frames_release(xhci, PAGES(sizeof(*xhci)));
        return NULL;
    }
    return xhci;
}
