// SPDX-License-Identifier: MIT
// Answers the requests of USB 2.0 chapters 9 and 11 and of HID 1.11 chapter 7.
#include "tests/host/drivers/fake_usb.h"

#include <string.h>

#define PORT_CONNECTION 0x1
#define PORT_ENABLE 0x2
#define PORT_POWER 0x100
#define PORT_LOW_SPEED 0x200
#define PORT_HIGH_SPEED 0x400
#define CHANGE_RESET 0x10
#define POWER_GOOD 10 // 20 ms
#define THINK_TIME 2
#define HUB_BYTES 9

static const uint8_t device_8[] = {18, 1, 0x10, 1, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t device_16[] = {18, 1, 0x10, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t device_64[] = {18, 1, 0, 2, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

static const uint8_t keyboard[] = {
    9, 2, 59,   0, 2, 7, 0,  0xa0, 50,                                      // configuration 7
    9, 4, 0,    0, 1, 3, 1,  2,    0,  9, 0x21, 0x11, 1, 0, 1, 0x22, 50, 0, // a mouse
    7, 5, 0x81, 3, 4, 0, 10,                                                // its endpoint
    9, 4, 1,    0, 1, 3, 1,  1,    0,  9, 0x21, 0x11, 1, 0, 1, 0x22, 65, 0, // a keyboard
    7, 5, 0x82, 3, 8, 0, 10,                                                // its endpoint
};
static const uint8_t mouse[] = {
    9, 2, 34,   0,    1, 1, 0, 0xa0, 50, 9, 4, 0, 0,    1, 3, 1, 2,
    0, 9, 0x21, 0x11, 1, 0, 1, 0x22, 50, 0, 7, 5, 0x81, 3, 4, 0, 10,
};
static const uint8_t hub_configuration[] = {
    9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0, 1, 9, 0, 0, 0, 7, 5, 0x81, 3, 2, 0, 12,
};

struct fake_usb_device fake_usb_keyboard(enum usb_speed speed)
{
    struct fake_usb_device device = {.speed = speed,
                                     .device_descriptor = device_8,
                                     .device_bytes = sizeof(device_8),
                                     .configuration = keyboard,
                                     .configuration_bytes = sizeof(keyboard)};
    if (speed == USB_FULL_SPEED) {
        device.device_descriptor = device_16;
    } else if (speed == USB_HIGH_SPEED) {
        device.device_descriptor = device_64;
    }
    return device;
}

struct fake_usb_device fake_usb_mouse(void)
{
    struct fake_usb_device device = fake_usb_keyboard(USB_LOW_SPEED);
    device.configuration = mouse;
    device.configuration_bytes = sizeof(mouse);
    return device;
}

struct fake_usb_device fake_usb_hub(enum usb_speed speed, unsigned ports)
{
    struct fake_usb_device device = fake_usb_keyboard(speed);
    device.configuration = hub_configuration;
    device.configuration_bytes = sizeof(hub_configuration);
    device.port_count = ports;
    return device;
}

// ---- Ports of a hub ----

void fake_usb_plug(struct fake_usb_device *hub, unsigned port, struct fake_usb_device *device)
{
    struct fake_usb_port *at = &hub->ports[port];
    at->device = device;
    at->status &= PORT_POWER;
    if (device && at->has_power) {
        at->status |= PORT_CONNECTION;
    }
    at->change |= at->has_power;
}

uint16_t fake_usb_hub_changes(const struct fake_usb_device *hub)
{
    unsigned changes = 0;
    for (unsigned port = 1; port <= hub->port_count; port++) {
        changes |= hub->ports[port].change != 0 ? 1u << port : 0;
    }
    return (uint16_t)changes;
}

void fake_usb_reset(struct fake_usb_device *device)
{
    device->resets++;
    device->configured = 0;
    for (unsigned port = 1; port <= device->port_count; port++) {
        device->ports[port] = (struct fake_usb_port){.device = device->ports[port].device};
    }
}

static void reset_port(struct fake_usb_port *port)
{
    static const uint16_t speeds[] = {
        [USB_FULL_SPEED] = 0, [USB_LOW_SPEED] = PORT_LOW_SPEED, [USB_HIGH_SPEED] = PORT_HIGH_SPEED};
    if (port->device) {
        fake_usb_reset(port->device);
        port->status |= PORT_ENABLE | speeds[port->device->speed];
    }
    port->change |= CHANGE_RESET;
}

static enum xhci_code set_feature(struct fake_usb_device *hub, const struct usb_setup *setup)
{
    struct fake_usb_port *port = &hub->ports[setup->wIndex];
    if (setup->wValue == USB_PORT_POWER) {
        port->has_power = true;
        port->status |= PORT_POWER;
        fake_usb_plug(hub, setup->wIndex, port->device);
    } else if (setup->wValue == USB_PORT_RESET && port->has_power) {
        reset_port(port);
    } else {
        return XHCI_STALL;
    }
    return XHCI_SUCCESS;
}

static enum xhci_code control_port(struct fake_usb_device *hub, const struct usb_setup *setup,
                                   uint8_t *data, size_t *length)
{
    if (setup->wIndex == 0 || setup->wIndex > hub->port_count) {
        return XHCI_STALL;
    }
    struct fake_usb_port *port = &hub->ports[setup->wIndex];
    switch (setup->bRequest) {
    case USB_GET_STATUS:
        memcpy(data, &port->status, 2);
        memcpy(data + 2, &port->change, 2);
        *length = 4;
        return XHCI_SUCCESS;
    case USB_SET_FEATURE:
        return set_feature(hub, setup);
    case USB_CLEAR_FEATURE:
        port->change &= (uint16_t) ~(1u << (setup->wValue - USB_C_PORT_CONNECTION));
        return XHCI_SUCCESS;
    default:
        return XHCI_STALL;
    }
}

// ---- Requests ----

static enum xhci_code get_descriptor(const struct fake_usb_device *device,
                                     const struct usb_setup *setup, uint8_t *data, size_t *length)
{
    const uint8_t hub[HUB_BYTES] = {HUB_BYTES,       0x29, (uint8_t)device->port_count,
                                    THINK_TIME << 5, 0,    POWER_GOOD};
    const uint8_t *from = NULL;
    switch (setup->wValue >> USB_DESCRIPTOR_SHIFT) {
    case USB_DEVICE:
        from = device->device_descriptor;
        *length = device->device_bytes;
        break;
    case USB_CONFIGURATION:
        from = device->configuration;
        *length = device->configuration_bytes;
        break;
    case USB_HUB_DESCRIPTOR:
        from = device->port_count > 0 && device->configured ? hub : NULL;
        *length = sizeof(hub);
        break;
    default:
        break;
    }
    if (!from) {
        return XHCI_STALL;
    }
    *length = MIN(*length, setup->wLength);
    memcpy(data, from, *length);
    return XHCI_SUCCESS;
}

static enum xhci_code control_interface(struct fake_usb_device *device,
                                        const struct usb_setup *setup, const uint8_t *data)
{
    switch (setup->bRequest) {
    case HID_SET_PROTOCOL:
        device->has_boot_protocol = setup->wValue == 0 && setup->wIndex == 1;
        return XHCI_SUCCESS;
    case HID_SET_IDLE:
        device->is_idle = setup->wValue == 0 && setup->wIndex == 1;
        return XHCI_SUCCESS;
    case HID_SET_REPORT:
        device->lights = data[0];
        return setup->wValue == 0x200 && setup->wLength == 1 ? XHCI_SUCCESS : XHCI_STALL;
    default:
        return XHCI_STALL;
    }
}

static enum xhci_code answer(struct fake_usb_device *device, const struct usb_setup *setup,
                             uint8_t *data, size_t *length)
{
    if (device->stalls & 1u << setup->bRequest) {
        return XHCI_STALL;
    }
    switch (setup->bmRequestType & 0x7f) {
    case USB_CLASS | USB_TO_PORT:
        return control_port(device, setup, data, length);
    case USB_CLASS | USB_TO_INTERFACE:
        return control_interface(device, setup, data);
    case USB_TO_ENDPOINT:
        device->halts_cleared += setup->bRequest == USB_CLEAR_FEATURE && setup->wIndex == 0x82;
        return XHCI_SUCCESS;
    default:
        break;
    }
    if (setup->bRequest == USB_GET_DESCRIPTOR) {
        return get_descriptor(device, setup, data, length);
    }
    device->configured = (uint8_t)setup->wValue;
    return setup->bRequest == USB_SET_CONFIGURATION ? XHCI_SUCCESS : XHCI_STALL;
}

enum xhci_code fake_usb_control(struct fake_usb_device *device, const struct usb_setup *setup,
                                uint8_t *data, size_t *length)
{
    *length = 0;
    if (device->is_silent || device->resets < device->resets_needed) {
        return XHCI_NO_ANSWER;
    }
    enum xhci_code code = answer(device, setup, data, length);
    if (device->distort) {
        device->distort(setup, data, length, &code);
    }
    return code;
}
