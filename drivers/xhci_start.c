// SPDX-License-Identifier: MIT
// Takes a controller over, resets it and sets it up (xHCI 1.2, 4.2, 4.22.1, 5.4).
#include "drivers/xhci_start.h"

#include "arch/x86/frames.h"
#include "arch/x86/log.h"
#include "arch/x86/pci.h"
#include "arch/x86/time.h"
#include "drivers/pci_functions.h"
#include "drivers/usb_device.h"
#include "drivers/usb_keyboard.h"
#include "drivers/usb_port.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/patience.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define HANDOVER_NS NS_PER_S           // 4.22.1
#define HALT_NS (100 * NS_PER_MS)      // 5.4.1.1: 16 ms
#define RESET_NS (5 * NS_PER_S)        // no limit is given
#define RESET_QUIET_NS (2 * NS_PER_MS) // some controllers hang if they are read within 1 ms
#define POWER_NS (20 * NS_PER_MS)      // 5.4.8, PP
#define FAILURES_MAX 3

#define XUSB2PR 0xd0  // of Intel's configuration space: the ports that xHCI has
#define XUSB2PRM 0xd4 // and those that it may have

static uint32_t read(const struct xhci *xhci, enum xhci_operational_register offset)
{
    return xhci_read(xhci, xhci->operational + offset);
}

static void write(const struct xhci *xhci, enum xhci_operational_register offset, uint32_t value)
{
    xhci_write(xhci, xhci->operational + offset, value);
}

// The lower half goes first (5.1).
static void write_64(const struct xhci *xhci, uint32_t offset, uint64_t value)
{
    xhci_write(xhci, offset, (uint32_t)value);
    xhci_write(xhci, offset + 4, (uint32_t)(value >> 32));
}

static void enter(struct xhci *xhci, enum xhci_state state)
{
    xhci->state = state;
    xhci->patience = patience_begin(time_now_ns());
}

static void say(const struct xhci *xhci, const char *text)
{
    const struct pci_address *where = &xhci->pci.where;
    log_line("USB: xHCI at %02x:%02x.%u %s", where->bus, where->device, where->function, text);
}

static void give_up(struct xhci *xhci)
{
    say(xhci, "does not work: it is left alone");
    xhci_stop(xhci);
    enter(xhci, XHCI_DEAD);
}

void xhci_stop(struct xhci *xhci)
{
    if (xhci->state == XHCI_RUNNING) {
        write(xhci, XHCI_USBCMD, 0);
    }
    pci_set_command(&xhci->pci, (uint32_t)PCI_COMMAND_MASTER, 0);
}

// ---- From the firmware ----

void xhci_start(struct xhci *xhci)
{
    if (xhci->legacy != 0) {
        uint32_t value = xhci_read(xhci, xhci->legacy);
        xhci_write(xhci, xhci->legacy, value | (uint32_t)XHCI_OS_OWNED);
    }
    enter(xhci, XHCI_HANDING_OVER);
}

static bool is_handed_over(const struct xhci *xhci)
{
    return xhci->legacy == 0 || !(xhci_read(xhci, xhci->legacy) & XHCI_BIOS_OWNED);
}

// Chipsets of Intel's 7, 8 and 9 series connect each USB 2 port to an EHCI controller or to the
// xHCI controller. Firmware may choose EHCI, for which Husk has no driver.
static void take_ports_from_ehci(const struct xhci *xhci)
{
    static const uint32_t ids[] = {0x1e318086, 0x8c318086, 0x9c318086, 0x8cb18086, 0x9cb18086};
    uint32_t id = pci_get(&xhci->pci, PCI_ID);
    for (unsigned i = 0; i < ARRAY_SIZE(ids); i++) {
        if (id == ids[i]) {
            uint32_t ports = pci_get(&xhci->pci, XUSB2PR) | pci_get(&xhci->pci, XUSB2PRM);
            pci_put(&xhci->pci, XUSB2PR, ports);
        }
    }
}

// Firmware that does not let go of the controller gets no more SMIs from it.
static void halt(struct xhci *xhci)
{
    if (xhci->legacy != 0) {
        uint32_t control = xhci_read(xhci, xhci->legacy + XHCI_USBLEGCTLSTS);
        xhci_write(xhci, xhci->legacy, (uint32_t)XHCI_OS_OWNED);
        xhci_write(xhci, xhci->legacy + XHCI_USBLEGCTLSTS,
                   (control & ~(uint32_t)XHCI_SMI_ENABLES) | (uint32_t)XHCI_SMI_EVENTS);
    }
    take_ports_from_ehci(xhci);
    write(xhci, XHCI_USBCMD, 0);
    enter(xhci, XHCI_HALTING);
}

// ---- Reset ----

static void reset(struct xhci *xhci)
{
    write(xhci, XHCI_USBCMD, (uint32_t)XHCI_HCRST);
    enter(xhci, XHCI_RESETTING);
}

static bool is_reset(const struct xhci *xhci)
{
    return !(read(xhci, XHCI_USBCMD) & XHCI_HCRST) && !(read(xhci, XHCI_USBSTS) & XHCI_CNR);
}

// ---- Set-up ----

static void set_up_memory(struct xhci *xhci)
{
    struct xhci_memory *memory = xhci->memory;
    usb_device_forget_all(xhci);
    memset(memory, 0, sizeof(*memory));
    for (unsigned i = 0; i < xhci->scratchpads; i++) { // zeroed before they are given (4.20)
        memset(frames_virtual(xhci->scratchpad_array[i]), 0, PAGE_SIZE);
    }
    if (xhci->scratchpad_array) {
        memory->dcbaa[0] = frames_physical(xhci->scratchpad_array);
    }
    memory->segments[0] =
        (struct xhci_segment){.address = frames_physical(memory->events), .trbs = XHCI_EVENT_TRBS};
    xhci_ring_init(&xhci->commands, memory->commands, frames_physical(memory->commands),
                   XHCI_COMMAND_TRBS);
    xhci->event_next = 0;
    xhci->event_cycle = true;
    xhci->pending = XHCI_NOTHING;
}

static void look_at_all_ports(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    for (unsigned port = 1; port <= xhci->port_count; port++) {
        xhci->ports[port].changed = true;
    }
}

// Where the controller can switch ports, they may be off after a reset. Then they do not tell what
// is plugged in.
static void switch_ports_on(struct xhci *xhci)
{
    for (unsigned port = 1; port <= xhci->port_count; port++) {
        if (xhci->ports[port].is_usb2) {
            usb_root_port_power(xhci, (uint8_t)port);
        }
    }
    xhci_pause(xhci, POWER_NS, look_at_all_ports);
}

static void run(struct xhci *xhci)
{
    struct xhci_memory *memory = xhci->memory;
    set_up_memory(xhci);
    pci_set_command(&xhci->pci, 0, (uint32_t)PCI_COMMAND_MASTER);
    write(xhci, XHCI_CONFIG, xhci->slots);
    write_64(xhci, xhci->operational + XHCI_DCBAAP, frames_physical(memory->dcbaa));
    write_64(xhci, xhci->operational + XHCI_CRCR, xhci->commands.physical | XHCI_RCS);
    xhci_write(xhci, xhci->runtime + XHCI_ERSTSZ, ARRAY_SIZE(memory->segments));
    write_64(xhci, xhci->runtime + XHCI_ERDP, frames_physical(memory->events));
    write_64(xhci, xhci->runtime + XHCI_ERSTBA, frames_physical(memory->segments));
    write(xhci, XHCI_USBCMD, (uint32_t)XHCI_RUN_STOP);
    enter(xhci, XHCI_RUNNING);
    switch_ports_on(xhci);
    say(xhci, "runs");
}

// ---- Together ----

void xhci_continue_start(struct xhci *xhci)
{
    patience_look(&xhci->patience, time_now_ns());
    uint64_t waited_ns = xhci->patience.waited_ns;
    switch (xhci->state) {
    case XHCI_HANDING_OVER:
        if (is_handed_over(xhci) || waited_ns >= HANDOVER_NS) {
            halt(xhci);
        }
        break;
    case XHCI_HALTING:
        if ((read(xhci, XHCI_USBSTS) & XHCI_HCHALTED) || waited_ns >= HALT_NS) {
            reset(xhci);
        }
        break;
    case XHCI_RESETTING:
        if (waited_ns >= RESET_QUIET_NS && is_reset(xhci)) {
            run(xhci);
        } else if (waited_ns >= RESET_NS) {
            give_up(xhci);
        }
        break;
    case XHCI_RUNNING:
    case XHCI_DEAD:
        break;
    }
}

void xhci_start_again(struct xhci *xhci)
{
    if (++xhci->failures == FAILURES_MAX) {
        give_up(xhci);
        return;
    }
    say(xhci, "reports an error: it is reset");
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        usb_keyboard_release(&xhci->devices[slot].keyboard);
    }
    halt(xhci);
}
