// SPDX-License-Identifier: MIT
// Chooses the next script of a controller. The scripts that are short are here.
#include "drivers/usb_bus.h"

#include "arch/x86/time.h"
#include "drivers/usb.h"
#include "drivers/usb_attach.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_device.h"
#include "drivers/usb_keyboard.h"
#include "drivers/usb_port.h"
#include "drivers/xhci.h"
#include "drivers/xhci_context.h"
#include "drivers/xhci_events.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define REPORT_ERRORS_MAX 5 // one after another
#define RESTART_NS (100 * NS_PER_MS)

static bool is_a(const struct usb_device *device, enum usb_kind kind)
{
    return device->memory && device->interface.kind == kind;
}

// ---- A device is gone ----

static void is_away(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    usb_place_set_changed(xhci, xhci->place); // there may be another device by now
}

// The device with most hubs above it, so that a hub goes after what was behind it.
static struct usb_device *next_gone(struct xhci *xhci)
{
    struct usb_device *found = NULL;
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *device = &xhci->devices[slot];
        if (device->memory && device->is_gone && (!found || device->hubs > found->hubs)) {
            found = device;
        }
    }
    return found;
}

static bool release_gone(struct xhci *xhci)
{
    struct usb_device *device = next_gone(xhci);
    if (!device) {
        return false;
    }
    xhci->device = device;
    xhci->place = device->place;
    usb_place_log(xhci, device->report_errors > REPORT_ERRORS_MAX ? "it fails again and again"
                                                                  : "it is gone");
    usb_device_release(xhci, is_away);
    return true;
}

// ---- An endpoint has stopped with an error ----

static void works_again(struct xhci *xhci, enum xhci_code code)
{
    (void)code; // if the device does not work, its reports say so
    xhci->device->report_error = XHCI_NO_ANSWER;
    xhci_expect_reports(xhci->device);
}

static void clear_halt(struct xhci *xhci, enum xhci_code code)
{
    const struct usb_device *device = xhci->device;
    if (device->report_error != XHCI_STALL) {
        works_again(xhci, code);
        return;
    }
    xhci_control(xhci,
                 usb_feature(USB_TO_ENDPOINT, USB_CLEAR_FEATURE, USB_ENDPOINT_HALT,
                             (uint16_t)(device->interface.endpoint | USB_IN)),
                 works_again);
}

// A device that is unplugged fails too, some time before its port tells.
static void restart(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci_restart_endpoint(xhci, xhci_report_endpoint(xhci->device), clear_halt);
}

static bool restart_stopped(struct xhci *xhci)
{
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *device = &xhci->devices[slot];
        if (!device->memory || device->report_error == XHCI_NO_ANSWER) {
            continue;
        }
        xhci->device = device;
        xhci->place = device->place;
        if (++device->report_errors > REPORT_ERRORS_MAX) {
            usb_device_mark_gone(device);
            usb_place_set_ignored(xhci, device->place, true);
            return release_gone(xhci);
        }
        xhci_pause(xhci, RESTART_NS, restart);
        return true;
    }
    return false;
}

// ---- The lights of a keyboard ----

static void nothing_more(struct xhci *xhci, enum xhci_code code)
{
    (void)xhci; // a keyboard need not have lights
    (void)code;
}

static bool show_lights(struct xhci *xhci)
{
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *device = &xhci->devices[slot];
        uint8_t lights = usb_keyboard_lights(&device->keyboard);
        if (is_a(device, USB_KEYBOARD) && device->lights_shown != lights) {
            struct usb_setup setup =
                usb_feature(USB_CLASS | USB_TO_INTERFACE, (enum usb_request)HID_SET_REPORT,
                            HID_OUTPUT_REPORT, device->interface.number);
            setup.wLength = sizeof(lights);
            device->lights_shown = lights;
            device->memory->data[0] = lights;
            xhci->device = device;
            xhci_control(xhci, setup, nothing_more);
            return true;
        }
    }
    return false;
}

// ---- A port has changed ----

static void has_looked(struct xhci *xhci, enum xhci_code code)
{
    const struct usb_port_status *status = &xhci->status;
    struct usb_device *device = usb_device_at(xhci, xhci->place);
    if (!xhci_code_is_good(code)) {
        return;
    }
    if (status->connection_changed || !status->connected) {
        usb_place_set_ignored(xhci, xhci->place, false);
    }
    if (device && (status->connection_changed || !status->enabled)) {
        usb_device_mark_gone(device);
    } else if (!device && status->connected && !usb_place_is_ignored(xhci, xhci->place)) {
        usb_attach(xhci);
    }
}

static bool next_changed(struct xhci *xhci, struct usb_place *place)
{
    for (unsigned port = 1; port <= xhci->port_count; port++) {
        if (xhci->ports[port].is_usb2 && xhci->ports[port].changed) {
            xhci->ports[port].changed = false;
            *place = (struct usb_place){.port = (uint8_t)port};
            return true;
        }
    }
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *hub = &xhci->devices[slot];
        for (unsigned port = 1; is_a(hub, USB_HUB) && port <= hub->hub.count; port++) {
            if (hub->hub_changed & BIT(port)) {
                hub->hub_changed &= (uint16_t)~BIT(port);
                *place = (struct usb_place){.hub = hub, .port = (uint8_t)port};
                return true;
            }
        }
    }
    return false;
}

static bool look_at_changed(struct xhci *xhci)
{
    if (!next_changed(xhci, &xhci->place)) {
        return false;
    }
    usb_port_read(xhci, has_looked);
    return true;
}

// ---- Together ----

void usb_bus_begin_script(struct xhci *xhci)
{
    if (release_gone(xhci) || restart_stopped(xhci) || show_lights(xhci)) {
        return;
    }
    (void)look_at_changed(xhci);
}

void usb_bus_repeat_keys(struct xhci *xhci)
{
    uint64_t now_ns = time_now_ns();
    for (unsigned slot = 1; slot <= xhci->slots; slot++) {
        struct usb_device *device = &xhci->devices[slot];
        if (is_a(device, USB_KEYBOARD)) {
            usb_keyboard_repeat(&device->keyboard, now_ns, xhci->typed);
        }
    }
}
