// SPDX-License-Identifier: MIT
// Events, errors, and the next script.
#include "drivers/xhci_poll.h"

#include "drivers/usb_bus.h"
#include "drivers/usb_descriptors.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_events.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_registers.h"
#include "drivers/xhci_start.h"
#include "vmm/util/types.h"

#define SCRIPTS_A_POLL 4

// A controller that was taken away reads as all ones, and then says this too.
static bool is_broken(const struct xhci *xhci)
{
    uint32_t status = xhci_read(xhci, xhci->operational + XHCI_USBSTS);
    return (status & (XHCI_HSE | XHCI_HCE)) != 0;
}

static void serve(struct xhci *xhci)
{
    xhci_take_events(xhci);
    if (is_broken(xhci) || !xhci_look_at_patience(xhci)) {
        xhci_start_again(xhci);
        return;
    }
    for (unsigned i = 0; i < SCRIPTS_A_POLL && xhci->pending == XHCI_NOTHING; i++) {
        usb_bus_begin_script(xhci);
        xhci_take_events(xhci);
    }
    usb_bus_repeat_keys(xhci);
}

void xhci_poll(struct xhci *xhci)
{
    if (xhci->state == XHCI_RUNNING) {
        serve(xhci);
    } else {
        xhci_continue_start(xhci);
    }
}

bool xhci_is_busy(const struct xhci *xhci)
{
    return xhci->state == XHCI_RUNNING ? xhci->pending != XHCI_NOTHING : xhci->state != XHCI_DEAD;
}

unsigned xhci_keyboards(const struct xhci *xhci)
{
    unsigned count = 0;
    for (unsigned slot = 1; slot <= XHCI_SLOTS; slot++) {
        const struct usb_device *device = &xhci->devices[slot];
        count += device->memory && !device->is_gone && device->interface.kind == USB_KEYBOARD;
    }
    return count;
}
