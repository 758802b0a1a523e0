// SPDX-License-Identifier: MIT
// Descriptors of devices, configurations and hubs (USB 2.0 9.6, 11.23.2; HID 1.11 4.2).
#include "drivers/usb_descriptors.h"

// Offsets, the same in every descriptor.
#define LENGTH 0
#define TYPE 1
#define HEADER_BYTES 2

#define DEVICE_PACKET 7 // bMaxPacketSize0

#define CONFIGURATION_TOTAL 2 // wTotalLength
#define CONFIGURATION_VALUE 5

#define INTERFACE_BYTES 9
#define INTERFACE_NUMBER 2
#define INTERFACE_ALTERNATE 3
#define INTERFACE_CLASS 5
#define INTERFACE_SUBCLASS 6
#define INTERFACE_PROTOCOL 7

#define ENDPOINT_BYTES 7
#define ENDPOINT_ADDRESS 2
#define ENDPOINT_ATTRIBUTES 3
#define ENDPOINT_PACKET 4
#define ENDPOINT_INTERVAL 6
#define ENDPOINT_NUMBER_MASK 0xf
#define ENDPOINT_TYPE_MASK 3
#define ENDPOINT_INTERRUPT 3
#define ENDPOINT_PACKET_MASK 0x7ff // above it: transactions in a microframe

#define HUB_PORTS 2
#define HUB_CHARACTERISTICS 3
#define HUB_THINK_TIME_SHIFT 5
#define HUB_THINK_TIME_MASK 3
#define HUB_POWER 5 // bPwrOn2PwrGood
#define HUB_POWER_UNIT_MS 2

#define CLASS_HID 3
#define SUBCLASS_BOOT 1
#define PROTOCOL_KEYBOARD 1
#define CLASS_HUB 9

static uint16_t read_16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static bool begins(const uint8_t *bytes, size_t length, uint8_t type, size_t least)
{
    return length >= least && bytes[LENGTH] >= least && bytes[TYPE] == type;
}

bool usb_read_device(const uint8_t *bytes, size_t length, enum usb_speed speed,
                     uint16_t *packet_bytes)
{
    if (!begins(bytes, length, USB_DEVICE, USB_DEVICE_FIRST_BYTES)) {
        return false;
    }
    *packet_bytes = bytes[DEVICE_PACKET];
    switch (*packet_bytes) {
    case 8:
        return speed != USB_HIGH_SPEED;
    case 16:
    case 32:
        return speed == USB_FULL_SPEED;
    case 64:
        return speed != USB_LOW_SPEED;
    default:
        return false;
    }
}

uint16_t usb_read_configuration_bytes(const uint8_t *bytes, size_t length)
{
    if (!begins(bytes, length, USB_CONFIGURATION, USB_CONFIGURATION_FIRST_BYTES)) {
        return 0;
    }
    return read_16(bytes + CONFIGURATION_TOTAL);
}

static enum usb_kind kind_of(const uint8_t *interface)
{
    if (interface[INTERFACE_ALTERNATE] != 0) {
        return USB_OTHER;
    }
    if (interface[INTERFACE_CLASS] == CLASS_HUB) {
        return USB_HUB;
    }
    bool keyboard = interface[INTERFACE_CLASS] == CLASS_HID &&
                    interface[INTERFACE_SUBCLASS] == SUBCLASS_BOOT &&
                    interface[INTERFACE_PROTOCOL] == PROTOCOL_KEYBOARD;
    return keyboard ? USB_KEYBOARD : USB_OTHER;
}

// USB 2.0 5.7.3. Some devices of low speed claim larger packets, and send small ones.
static uint16_t packet_limit(enum usb_speed speed)
{
    switch (speed) {
    case USB_LOW_SPEED:
        return 8;
    case USB_FULL_SPEED:
        return 64;
    default:
        return 1024;
    }
}

// Whether this is an interrupt endpoint for input.
static bool take_endpoint(const uint8_t *endpoint, enum usb_speed speed,
                          struct usb_interface *found)
{
    uint8_t address = endpoint[ENDPOINT_ADDRESS];
    uint16_t packet_bytes = read_16(endpoint + ENDPOINT_PACKET) & ENDPOINT_PACKET_MASK;
    found->endpoint = address & ENDPOINT_NUMBER_MASK;
    found->packet_bytes = MIN(packet_bytes, packet_limit(speed));
    found->interval = MAX(endpoint[ENDPOINT_INTERVAL], 1);
    return (address & USB_IN) != 0 && found->endpoint != 0 && packet_bytes != 0 &&
           (endpoint[ENDPOINT_ATTRIBUTES] & ENDPOINT_TYPE_MASK) == ENDPOINT_INTERRUPT;
}

// Descriptors of other types, such as those of HID, stand between an interface and its endpoints.
void usb_find_interface(const uint8_t *bytes, size_t length, enum usb_speed speed,
                        struct usb_interface *found)
{
    struct usb_interface at = {.kind = USB_OTHER};
    size_t total = MIN(usb_read_configuration_bytes(bytes, length), length);
    *found = at;
    for (size_t next = 0; next + HEADER_BYTES <= total;) {
        const uint8_t *descriptor = bytes + next;
        size_t size = descriptor[LENGTH];
        if (size < HEADER_BYTES || size > total - next) {
            return;
        }
        if (begins(descriptor, size, USB_INTERFACE, INTERFACE_BYTES)) {
            at.kind = kind_of(descriptor);
            at.number = descriptor[INTERFACE_NUMBER];
            at.configuration = bytes[CONFIGURATION_VALUE];
        } else if (at.kind != USB_OTHER && begins(descriptor, size, USB_ENDPOINT, ENDPOINT_BYTES) &&
                   take_endpoint(descriptor, speed, &at)) {
            *found = at;
            return;
        }
        next += size;
    }
}

bool usb_read_hub(const uint8_t *bytes, size_t length, struct usb_hub_ports *ports)
{
    if (!begins(bytes, length, USB_HUB_DESCRIPTOR, USB_HUB_FIRST_BYTES)) {
        return false;
    }
    *ports = (struct usb_hub_ports){
        .count = MIN(bytes[HUB_PORTS], USB_HUB_PORTS_MAX),
        .think_time = bytes[HUB_CHARACTERISTICS] >> HUB_THINK_TIME_SHIFT & HUB_THINK_TIME_MASK,
        .power_ms = (uint16_t)(bytes[HUB_POWER] * HUB_POWER_UNIT_MS),
    };
    return ports->count > 0;
}
