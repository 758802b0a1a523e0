// SPDX-License-Identifier: MIT
// Reads descriptors. A device may say anything: nothing in them is trusted. Pure.
#pragma once

#include "drivers/usb.h"
#include "vmm/util/types.h"

// A device descriptor begins with these bytes. They tell how large packets of endpoint 0 are.
#define USB_DEVICE_FIRST_BYTES 8
// A configuration begins with these bytes. They tell how long it is with all of its interfaces.
#define USB_CONFIGURATION_FIRST_BYTES 9
#define USB_HUB_FIRST_BYTES 7

enum usb_kind { USB_OTHER, USB_HUB, USB_KEYBOARD };

// What Husk uses of a device: one interface, and its interrupt endpoint for input.
struct usb_interface {
    enum usb_kind kind;
    uint8_t configuration; // bConfigurationValue
    uint8_t number;        // bInterfaceNumber
    uint8_t endpoint;      // 1 to 15
    uint16_t packet_bytes; // 1 to what the speed permits
    uint8_t interval;      // bInterval, at least 1
};

struct usb_hub_ports {
    uint8_t count;      // 1 to USB_HUB_PORTS_MAX
    uint8_t think_time; // 0 to 3, for the slot context
    uint16_t power_ms;  // from power on to power good
};

// Gives the packet size of endpoint 0. False: it is none that the speed permits.
bool usb_read_device(const uint8_t *bytes, size_t length, enum usb_speed speed,
                     uint16_t *packet_bytes) MUST_CHECK;
// wTotalLength; 0: this is no configuration.
uint16_t usb_read_configuration_bytes(const uint8_t *bytes, size_t length);
// Finds the first hub or boot keyboard among the interfaces of a configuration, with an endpoint
// that can be used. `kind` is USB_OTHER if there is none. The configuration may be cut off.
void usb_find_interface(const uint8_t *bytes, size_t length, enum usb_speed speed,
                        struct usb_interface *found);
// False: this is no hub with ports.
bool usb_read_hub(const uint8_t *bytes, size_t length, struct usb_hub_ports *ports) MUST_CHECK;
