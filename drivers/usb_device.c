// SPDX-License-Identifier: MIT
// Devices and their slots (xHCI 1.2, 4.5.3, 4.6.3, 4.6.4).
#include "drivers/usb_device.h"

#include "arch/x86/frames.h"
#include "arch/x86/log.h"
#include "arch/x86/pci.h"
#include "drivers/pci_functions.h"
#include "drivers/usb.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_keyboard.h"
#include "drivers/xhci.h"
#include "drivers/xhci_context.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/format.h"
#include "vmm/util/types.h"

#define PATH_BYTES 24  // six ports
#define ROUTE_BITS 4   // of the route string, for a hub
#define FIRST_PACKET 8 // every device of low or full speed can do this (USB 2.0 5.5.3)
#define FIRST_PACKET_HIGH 64

// Where the device is (8.9), and which hub of high speed translates for it (USB 2.0 11.14).
static void find_way(struct usb_device *device)
{
    const struct usb_device *hub = device->place.hub;
    if (!hub) {
        device->root_port = device->place.port;
        return;
    }
    device->root_port = hub->root_port;
    device->hubs = hub->hubs + 1;
    device->route = hub->route | (uint32_t)device->place.port << (ROUTE_BITS * hub->hubs);
    if (device->speed != USB_HIGH_SPEED) {
        bool translates = hub->speed == USB_HIGH_SPEED;
        device->tt_slot = translates ? hub->slot : hub->tt_slot;
        device->tt_port = translates ? device->place.port : hub->tt_port;
    }
}

struct usb_device *usb_device_create(struct xhci *xhci, uint8_t slot, enum usb_speed speed)
{
    if (slot == 0 || slot > xhci->slots || xhci->devices[slot].memory) {
        return NULL;
    }
    struct usb_device_memory *memory = frames_allocate(1);
    struct usb_device *device = &xhci->devices[slot];
    if (!memory) {
        return NULL;
    }
    *device = (struct usb_device){
        .xhci = xhci,
        .memory = memory,
        .slot = slot,
        .speed = speed,
        .place = xhci->place,
        .packet_bytes = speed == USB_HIGH_SPEED ? FIRST_PACKET_HIGH : FIRST_PACKET,
    };
    find_way(device);
    xhci_ring_init(&device->control, memory->control, frames_physical(memory->control),
                   XHCI_CONTROL_TRBS);
    xhci_ring_init(&device->reports, memory->reports, frames_physical(memory->reports),
                   XHCI_REPORT_TRBS);
    xhci->memory->dcbaa[slot] = frames_physical(memory->contexts);
    return device;
}

struct usb_device *usb_device_at(struct xhci *xhci, struct usb_place place)
{
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *device = &xhci->devices[slot];
        if (device->memory && device->place.hub == place.hub && device->place.port == place.port) {
            return device;
        }
    }
    return NULL;
}

// Each pass finds the devices behind those of the pass before.
void usb_device_mark_gone(struct usb_device *device)
{
    struct xhci *xhci = device->xhci;
    device->is_gone = true;
    usb_keyboard_release(&device->keyboard);
    for (unsigned pass = 0; pass < USB_HUBS_MAX; pass++) {
        for (unsigned slot = 1; slot <= xhci->slots; slot++) {
            struct usb_device *other = &xhci->devices[slot];
            if (other->memory && other->place.hub && other->place.hub->is_gone) {
                other->is_gone = true;
                usb_keyboard_release(&other->keyboard);
            }
        }
    }
}

// ---- Release ----

static void forget(struct usb_device *device)
{
    device->xhci->memory->dcbaa[device->slot] = 0;
    frames_release(device->memory, 1);
    *device = (struct usb_device){.memory = NULL};
}

static void has_no_slot(struct xhci *xhci, enum xhci_code code)
{
    forget(xhci->device);
    xhci->device = NULL;
    xhci->port_done(xhci, code);
}

static void disable_slot(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci_command(xhci, XHCI_DISABLE_SLOT, 0, xhci->device->slot, 0, has_no_slot);
}

// The endpoints must be stopped or idle; endpoint 0 always is when a script begins.
void usb_device_release(struct xhci *xhci, xhci_done *done)
{
    struct usb_device *device = xhci->device;
    xhci->port_done = done;
    if (device->interface.kind != USB_OTHER &&
        xhci_context_state(device, xhci_report_endpoint(device)) == XHCI_ENDPOINT_RUNNING) {
        xhci_command(xhci, XHCI_STOP_ENDPOINT, 0, device->slot, xhci_report_endpoint(device),
                     disable_slot);
        return;
    }
    disable_slot(xhci, XHCI_SUCCESS);
}

void usb_device_forget_all(struct xhci *xhci)
{
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        if (xhci->devices[slot].memory) {
            forget(&xhci->devices[slot]);
        }
    }
    xhci->device = NULL;
}

// ---- For people ----

static uint8_t port_on_way(const struct usb_device *hub, unsigned step)
{
    return hub->route >> (ROUTE_BITS * step) & (BIT(ROUTE_BITS) - 1);
}

static void format_place(struct usb_place place, char text[PATH_BYTES])
{
    const struct usb_device *hub = place.hub;
    if (!hub) {
        format_text(text, PATH_BYTES, "%u", place.port);
        return;
    }
    size_t used = format_text(text, PATH_BYTES, "%u", hub->root_port);
    for (unsigned step = 0; step < hub->hubs; step++) {
        used += format_text(text + used, PATH_BYTES - used, ".%u", port_on_way(hub, step));
    }
    format_text(text + used, PATH_BYTES - used, ".%u", place.port);
}

void usb_place_log(const struct xhci *xhci, const char *text)
{
    const struct pci_address *where = &xhci->pci.where;
    char path[PATH_BYTES];
    format_place(xhci->place, path);
    log_line("USB: port %s of %02x:%02x.%u: %s", path, where->bus, where->device, where->function,
             text);
}
