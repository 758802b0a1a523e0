// SPDX-License-Identifier: MIT
// USB devices for tests: keyboards, hubs with ports, and devices that lie or do not answer.
#pragma once

#include "drivers/usb.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/types.h"

#define FAKE_USB_PORTS 16 // of a hub, which count from 1

// As a hub tells of a port (USB 2.0 11.24.2.7).
struct fake_usb_port {
    struct fake_usb_device *device; // NULL: nothing is plugged in
    bool has_power;
    uint16_t status;
    uint16_t change;
};

struct fake_usb_device {
    enum usb_speed speed;
    const uint8_t *device_descriptor;
    size_t device_bytes;
    const uint8_t *configuration;
    size_t configuration_bytes;
    bool is_silent;         // it does not answer
    unsigned stalls;        // a bit for each bRequest that it refuses
    unsigned resets_needed; // before it answers
    unsigned port_count;    // of a hub
    // Changes its answer on the way to the controller; NULL: nobody does.
    void (*distort)(const struct usb_setup *setup, uint8_t *data, size_t *length,
                    enum xhci_code *code);
    struct fake_usb_port ports[FAKE_USB_PORTS];
    // What it was told.
    unsigned resets;
    uint8_t configured;
    bool has_boot_protocol;
    bool is_idle;
    unsigned halts_cleared;
    uint8_t lights;
};

// A keyboard of any speed, and its two interfaces: a mouse comes first.
struct fake_usb_device fake_usb_keyboard(enum usb_speed speed);
struct fake_usb_device fake_usb_mouse(void);
struct fake_usb_device fake_usb_hub(enum usb_speed speed, unsigned ports);

// The device takes a control transfer. For input it fills `data` and gives how many bytes those
// are. XHCI_NO_ANSWER: it does not answer.
enum xhci_code fake_usb_control(struct fake_usb_device *device, const struct usb_setup *setup,
                                uint8_t *data, size_t *length);

// The device's port is reset: it has no configuration, and a hub's ports have no power.
void fake_usb_reset(struct fake_usb_device *device);

// Plugs a device into a hub's port, or unplugs it (NULL).
void fake_usb_plug(struct fake_usb_device *hub, unsigned port, struct fake_usb_device *device);
// A hub's report: which of its ports have changed.
uint16_t fake_usb_hub_changes(const struct fake_usb_device *hub);
