// SPDX-License-Identifier: MIT
// Enumeration (xHCI 1.2, 4.3; USB 2.0 9.1.2), from top to bottom in the order of its steps.
#include "drivers/usb_attach.h"

#include "arch/x86/frames.h"
#include "drivers/usb.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_device.h"
#include "drivers/usb_hub.h"
#include "drivers/usb_port.h"
#include "drivers/xhci.h"
#include "drivers/xhci_context.h"
#include "drivers/xhci_events.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define TRIES 3
#define LOOKS 50 // at the port that is reset, at least USB_RESET_MS apart

// ---- The end ----

static void is_left_alone(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    usb_place_set_ignored(xhci, xhci->place, true);
}

static void leave_alone(struct xhci *xhci)
{
    if (xhci->device) {
        usb_device_release(xhci, is_left_alone);
    } else {
        is_left_alone(xhci, XHCI_SUCCESS);
    }
}

static void debounce(struct xhci *xhci);

static void try_again(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    debounce(xhci);
}

static void fail(struct xhci *xhci)
{
    if (++xhci->tries == TRIES) {
        usb_place_log(xhci, "the device does not work");
        leave_alone(xhci);
    } else if (xhci->device) {
        usb_device_release(xhci, try_again);
    } else {
        debounce(xhci);
    }
}

// ---- A keyboard or a hub ----

static void is_ready(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *device = xhci->device;
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    usb_place_log(xhci, device->interface.kind == USB_HUB ? "a hub" : "a keyboard");
    xhci_expect_reports(device);
}

// A keyboard may refuse this: it then repeats its report now and then.
static void has_idle(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    is_ready(xhci, XHCI_SUCCESS);
}

// A keyboard may refuse this too, if it has no other protocol.
static void has_protocol(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci_control(xhci,
                 usb_feature(USB_CLASS | USB_TO_INTERFACE, (enum usb_request)HID_SET_IDLE, 0,
                             xhci->device->interface.number),
                 has_idle);
}

static void has_endpoint(struct xhci *xhci, enum xhci_code code)
{
    const struct usb_interface *interface = &xhci->device->interface;
    if (!xhci_code_is_good(code)) {
        fail(xhci);
    } else if (interface->kind == USB_HUB) {
        usb_hub_power(xhci, is_ready);
    } else {
        xhci_control(xhci,
                     usb_feature(USB_CLASS | USB_TO_INTERFACE, (enum usb_request)HID_SET_PROTOCOL,
                                 HID_BOOT_PROTOCOL, interface->number),
                     has_protocol);
    }
}

static void configure_endpoint(struct xhci *xhci, enum xhci_code code)
{
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    xhci_context_for_interface(xhci->device);
    xhci_command(xhci, XHCI_CONFIGURE_ENDPOINT, frames_physical(xhci->memory->input),
                 xhci->device->slot, 0, has_endpoint);
}

static void is_configured(struct xhci *xhci, enum xhci_code code)
{
    if (xhci_code_is_good(code) && xhci->device->interface.kind == USB_HUB) {
        usb_hub_read(xhci, configure_endpoint);
    } else {
        configure_endpoint(xhci, code);
    }
}

// ---- What it is ----

static struct usb_setup get_descriptor(enum usb_descriptor type, uint16_t bytes)
{
    return (struct usb_setup){.bmRequestType = USB_IN,
                              .bRequest = USB_GET_DESCRIPTOR,
                              .wValue = (uint16_t)(type << USB_DESCRIPTOR_SHIFT),
                              .wLength = bytes};
}

static void has_configuration(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *device = xhci->device;
    struct usb_interface found;
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    usb_find_interface(device->memory->data, xhci->data_bytes, device->speed, &found);
    if (found.kind == USB_OTHER || (found.kind == USB_HUB && device->hubs == USB_HUBS_MAX)) {
        leave_alone(xhci);
        return;
    }
    device->interface = found;
    xhci_control(xhci, usb_feature(0, USB_SET_CONFIGURATION, found.configuration, 0),
                 is_configured);
}

static void has_configuration_bytes(struct xhci *xhci, enum xhci_code code)
{
    uint16_t bytes = 0;
    if (xhci_code_is_good(code)) {
        bytes = usb_read_configuration_bytes(xhci->device->memory->data, xhci->data_bytes);
    }
    if (bytes < USB_CONFIGURATION_FIRST_BYTES) {
        fail(xhci);
        return;
    }
    xhci_control(xhci, get_descriptor(USB_CONFIGURATION, MIN(bytes, XHCI_DATA_BYTES)),
                 has_configuration);
}

static void has_packet(struct xhci *xhci, enum xhci_code code)
{
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    xhci_control(xhci, get_descriptor(USB_CONFIGURATION, USB_CONFIGURATION_FIRST_BYTES),
                 has_configuration_bytes);
}

static void has_device(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *device = xhci->device;
    uint16_t packet_bytes;
    if (!xhci_code_is_good(code) ||
        !usb_read_device(device->memory->data, xhci->data_bytes, device->speed, &packet_bytes)) {
        fail(xhci);
        return;
    }
    if (packet_bytes == device->packet_bytes) {
        has_packet(xhci, XHCI_SUCCESS);
        return;
    }
    device->packet_bytes = packet_bytes;
    xhci_context_for_packet(device);
    xhci_command(xhci, XHCI_EVALUATE_CONTEXT, frames_physical(xhci->memory->input), device->slot, 0,
                 has_packet);
}

// ---- An address ----

static void get_device(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci_control(xhci, get_descriptor(USB_DEVICE, USB_DEVICE_FIRST_BYTES), has_device);
}

static void has_address(struct xhci *xhci, enum xhci_code code)
{
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    xhci_pause(xhci, USB_SET_ADDRESS_RECOVERY_MS * NS_PER_MS, get_device);
}

static void has_slot(struct xhci *xhci, enum xhci_code code)
{
    if (code == XHCI_NO_SLOTS) {
        usb_place_log(xhci, "the controller has no room for one more device");
        leave_alone(xhci);
        return;
    }
    if (xhci_code_is_good(code)) {
        xhci->device = usb_device_create(xhci, xhci->slot_given, xhci->status.speed);
    }
    if (!xhci->device) {
        fail(xhci);
        return;
    }
    xhci_context_for_address(xhci->device);
    xhci_command(xhci, XHCI_ADDRESS_DEVICE, frames_physical(xhci->memory->input),
                 xhci->device->slot, 0, has_address);
}

static void enable_slot(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci_command(xhci, XHCI_ENABLE_SLOT, 0, 0, 0, has_slot);
}

// ---- The port ----

static void look_at_reset(struct xhci *xhci, enum xhci_code code);

static void has_status(struct xhci *xhci, enum xhci_code code)
{
    const struct usb_port_status *status = &xhci->status;
    xhci->device = NULL;
    if (!xhci_code_is_good(code) || xhci->looks == LOOKS) {
        fail(xhci);
    } else if (!status->connected) {
        return; // a later connection is a change of its own
    } else if (status->resetting) {
        xhci_pause(xhci, USB_RESET_MS * NS_PER_MS, look_at_reset);
    } else if (!status->enabled) {
        fail(xhci);
    } else if (status->speed < USB_FULL_SPEED || status->speed > USB_HIGH_SPEED) {
        leave_alone(xhci);
    } else {
        xhci_pause(xhci, USB_RESET_RECOVERY_MS * NS_PER_MS, enable_slot);
    }
}

static void look_at_reset(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci->looks++;
    usb_port_read(xhci, has_status);
}

static void is_resetting(struct xhci *xhci, enum xhci_code code)
{
    xhci->device = NULL;
    if (!xhci_code_is_good(code)) {
        fail(xhci);
        return;
    }
    xhci->looks = 0;
    xhci_pause(xhci, USB_RESET_MS * NS_PER_MS, look_at_reset);
}

static void reset(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    usb_port_reset(xhci, is_resetting);
}

static void debounce(struct xhci *xhci)
{
    xhci_pause(xhci, USB_DEBOUNCE_MS * NS_PER_MS, reset);
}

void usb_attach(struct xhci *xhci)
{
    xhci->device = NULL;
    xhci->tries = 0;
    debounce(xhci);
}
