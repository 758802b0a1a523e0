// SPDX-License-Identifier: MIT
// Requests to hubs (USB 2.0 11.11, 11.24.2).
#include "drivers/usb_hub.h"

#include "drivers/usb.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_port.h"
#include "drivers/xhci.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define DESCRIPTOR_BYTES 71 // with 255 ports
#define POWER_MS_LEAST 100  // some hubs say 0 (USB 2.0 7.1.7.3)

static uint16_t all_ports(const struct usb_device *hub)
{
    return (uint16_t)((BIT(hub->hub.count) - 1) << 1);
}

static void take_descriptor(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *hub = xhci->device;
    if (xhci_code_is_good(code) && !usb_read_hub(hub->memory->data, xhci->data_bytes, &hub->hub)) {
        code = XHCI_STALL;
    }
    xhci->port_done(xhci, code);
}

void usb_hub_read(struct xhci *xhci, xhci_done *done)
{
    struct usb_setup setup = {.bmRequestType = USB_IN | USB_CLASS,
                              .bRequest = USB_GET_DESCRIPTOR,
                              .wValue = USB_HUB_DESCRIPTOR << USB_DESCRIPTOR_SHIFT,
                              .wLength = DESCRIPTOR_BYTES};
    xhci->port_done = done;
    xhci_control(xhci, setup, take_descriptor);
}

static void has_power(struct xhci *xhci, enum xhci_code code)
{
    xhci->device->hub_changed = all_ports(xhci->device);
    xhci->port_done(xhci, code);
}

// Switches on the lowest port that is not yet on.
static void power_next(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *hub = xhci->device;
    if (!xhci_code_is_good(code)) {
        xhci->port_done(xhci, code);
        return;
    }
    if (++xhci->looks > hub->hub.count) {
        xhci_pause(xhci, MAX(hub->hub.power_ms, POWER_MS_LEAST) * NS_PER_MS, has_power);
        return;
    }
    xhci_control(xhci,
                 usb_feature(USB_CLASS | USB_TO_PORT, USB_SET_FEATURE, USB_PORT_POWER,
                             (uint16_t)xhci->looks),
                 power_next);
}

void usb_hub_power(struct xhci *xhci, xhci_done *done)
{
    xhci->port_done = done;
    xhci->looks = 0;
    power_next(xhci, XHCI_SUCCESS);
}

void usb_hub_take_report(struct usb_device *hub, const uint8_t *report, size_t length)
{
    unsigned bits = 0;
    for (size_t i = 0; i < MIN(length, sizeof(uint16_t)); i++) {
        bits |= (unsigned)report[i] << (8 * i);
    }
    hub->hub_changed |= (uint16_t)(bits & all_ports(hub));
}
