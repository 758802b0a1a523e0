// SPDX-License-Identifier: MIT
// What the USB specifications number: requests, descriptors and features (USB 2.0 chapters 9 and
// 11, HID 1.11 chapter 7).
#pragma once

#include "vmm/util/types.h"

// The values of the xHCI's port and slot (xHCI 1.2, 7.2.2.1.1).
enum usb_speed { USB_FULL_SPEED = 1, USB_LOW_SPEED, USB_HIGH_SPEED };

// The first eight bytes of a control transfer (USB 2.0 9.3).
struct usb_setup {
    uint8_t bmRequestType;
    uint8_t bRequest;
    uint16_t wValue;
    uint16_t wIndex;
    uint16_t wLength;
};

static_assert(sizeof(struct usb_setup) == 8, "USB 2.0 table 9-2");

// bmRequestType
#define USB_IN BIT(7) // from the device
#define USB_CLASS BIT(5)
#define USB_TO_INTERFACE 1
#define USB_TO_ENDPOINT 2
#define USB_TO_PORT 3

enum usb_request {
    USB_GET_STATUS = 0,
    USB_CLEAR_FEATURE = 1,
    USB_SET_FEATURE = 3,
    USB_GET_DESCRIPTOR = 6,
    USB_SET_CONFIGURATION = 9,
    HID_SET_REPORT = 9,
    HID_SET_IDLE = 10,
    HID_SET_PROTOCOL = 11,
};

enum usb_descriptor {
    USB_DEVICE = 1,
    USB_CONFIGURATION = 2,
    USB_INTERFACE = 4,
    USB_ENDPOINT = 5,
    USB_HUB_DESCRIPTOR = 0x29,
};

#define USB_DESCRIPTOR_SHIFT 8 // of the type in wValue
#define USB_ENDPOINT_HALT 0
#define HID_OUTPUT_REPORT 0x200
#define HID_BOOT_PROTOCOL 0

// Features of a hub's port. The number of a change is C_PORT_CONNECTION plus its bit in
// wPortChange (USB 2.0 table 11-17).
enum usb_port_feature {
    USB_PORT_RESET = 4,
    USB_PORT_POWER = 8,
    USB_C_PORT_CONNECTION = 16,
};

#define USB_PORT_CHANGES 5
#define USB_HUB_PORTS_MAX 15 // that a route string can name (xHCI 1.2, 8.9)
#define USB_HUBS_MAX 5       // between a root port and a device (USB 2.0 4.1.1)

// How long a device may take (USB 2.0 7.1.7.3, 7.1.7.5, 9.2.6.3).
#define USB_DEBOUNCE_MS 100
#define USB_RESET_MS 10
#define USB_RESET_RECOVERY_MS 10
#define USB_SET_ADDRESS_RECOVERY_MS 2
