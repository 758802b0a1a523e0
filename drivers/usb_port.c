// SPDX-License-Identifier: MIT
// Reads and resets ports: PORTSC (xHCI 1.2, 5.4.8) and the requests to a hub (USB 2.0 11.24.2).
#include "drivers/usb_port.h"

#include "drivers/usb.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/types.h"

// wPortStatus (USB 2.0 table 11-21); wPortChange is above it.
#define PORT_CONNECTION BIT(0)
#define PORT_ENABLE BIT(1)
#define PORT_RESET BIT(4)
#define PORT_LOW_SPEED BIT(9)
#define PORT_HIGH_SPEED BIT(10)
#define PORT_CHANGE_SHIFT 16
#define PORT_CHANGES_MASK (BIT(USB_PORT_CHANGES) - 1)
#define STATUS_BYTES 4

// Bits of PORTSC that a write must carry on. The others do something, or cannot be written.
#define PORTSC_KEPT ((uint32_t)(XHCI_PP | XHCI_PIC | XHCI_PORT_WAKES))

static uint32_t portsc(const struct xhci *xhci, uint8_t port)
{
    return xhci->operational + XHCI_PORTSC + (port - 1u) * XHCI_PORT_BYTES;
}

void usb_root_port_power(struct xhci *xhci, uint8_t port)
{
    uint32_t offset = portsc(xhci, port);
    xhci_write(xhci, offset, (xhci_read(xhci, offset) & PORTSC_KEPT) | (uint32_t)XHCI_PP);
}

static void read_root(struct xhci *xhci, xhci_done *done)
{
    uint32_t offset = portsc(xhci, xhci->place.port);
    uint32_t value = xhci_read(xhci, offset);
    xhci_write(xhci, offset, (value & PORTSC_KEPT) | (value & (uint32_t)XHCI_PORT_CHANGES));
    xhci->status = (struct usb_port_status){
        .connected = (value & XHCI_CCS) != 0,
        .connection_changed = (value & XHCI_CSC) != 0,
        .enabled = (value & XHCI_PED) != 0,
        .resetting = (value & XHCI_PR) != 0,
        .speed = value >> XHCI_PORT_SPEED_SHIFT & XHCI_PORT_SPEED_MASK,
    };
    done(xhci, XHCI_SUCCESS);
}

struct usb_setup usb_feature(uint8_t type, enum usb_request request, uint16_t feature,
                             uint16_t index)
{
    return (struct usb_setup){
        .bmRequestType = type, .bRequest = request, .wValue = feature, .wIndex = index};
}

static struct usb_setup port_feature(const struct xhci *xhci, enum usb_request request,
                                     unsigned feature)
{
    return usb_feature(USB_CLASS | USB_TO_PORT, request, (uint16_t)feature, xhci->place.port);
}

// Acknowledges one change after the other.
static void acknowledge(struct xhci *xhci, enum xhci_code code)
{
    unsigned change = 0;
    if (xhci->port_changes == 0 || !xhci_code_is_good(code)) {
        xhci->port_done(xhci, code);
        return;
    }
    while ((xhci->port_changes & BIT(change)) == 0) {
        change++;
    }
    xhci->port_changes &= ~BIT(change);
    xhci_control(xhci, port_feature(xhci, USB_CLEAR_FEATURE, USB_C_PORT_CONNECTION + change),
                 acknowledge);
}

static void take_hub_status(struct xhci *xhci, enum xhci_code code)
{
    const uint8_t *data = xhci->device->memory->data;
    if (!xhci_code_is_good(code) || xhci->data_bytes < STATUS_BYTES) {
        xhci->port_done(xhci, xhci_code_is_good(code) ? XHCI_STALL : code);
        return;
    }
    uint32_t value =
        data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
    xhci->port_changes = value >> PORT_CHANGE_SHIFT & PORT_CHANGES_MASK;
    xhci->status = (struct usb_port_status){
        .connected = (value & PORT_CONNECTION) != 0,
        .connection_changed = (xhci->port_changes & BIT(0)) != 0,
        .enabled = (value & PORT_ENABLE) != 0,
        .resetting = (value & PORT_RESET) != 0,
        .speed = value & PORT_LOW_SPEED    ? USB_LOW_SPEED
                 : value & PORT_HIGH_SPEED ? USB_HIGH_SPEED
                                           : USB_FULL_SPEED,
    };
    acknowledge(xhci, XHCI_SUCCESS);
}

void usb_port_read(struct xhci *xhci, xhci_done *done)
{
    if (!xhci->place.hub) {
        read_root(xhci, done);
        return;
    }
    struct usb_setup setup = {.bmRequestType = USB_IN | USB_CLASS | USB_TO_PORT,
                              .bRequest = USB_GET_STATUS,
                              .wIndex = xhci->place.port,
                              .wLength = STATUS_BYTES};
    xhci->port_done = done;
    xhci->device = xhci->place.hub;
    xhci_control(xhci, setup, take_hub_status);
}

void usb_port_reset(struct xhci *xhci, xhci_done *done)
{
    if (xhci->place.hub) {
        xhci->device = xhci->place.hub;
        xhci_control(xhci, port_feature(xhci, USB_SET_FEATURE, USB_PORT_RESET), done);
        return;
    }
    uint32_t offset = portsc(xhci, xhci->place.port);
    xhci_write(xhci, offset, (xhci_read(xhci, offset) & PORTSC_KEPT) | (uint32_t)XHCI_PR);
    done(xhci, XHCI_SUCCESS);
}

// ---- What Husk notes about ports ----

bool usb_place_is_ignored(const struct xhci *xhci, struct usb_place place)
{
    return place.hub ? (place.hub->hub_ignored & BIT(place.port)) != 0
                     : xhci->ports[place.port].ignored;
}

void usb_place_set_ignored(struct xhci *xhci, struct usb_place place, bool ignored)
{
    if (!place.hub) {
        xhci->ports[place.port].ignored = ignored;
    } else if (ignored) {
        place.hub->hub_ignored |= (uint16_t)BIT(place.port);
    } else {
        place.hub->hub_ignored &= (uint16_t)~BIT(place.port);
    }
}

void usb_place_set_changed(struct xhci *xhci, struct usb_place place)
{
    if (place.hub) {
        place.hub->hub_changed |= (uint16_t)BIT(place.port);
    } else {
        xhci->ports[place.port].changed = true;
    }
}
