// SPDX-License-Identifier: MIT
// Slot and endpoint contexts.
#include "drivers/xhci_context.h"

#include "drivers/usb.h"
#include "drivers/usb_descriptors.h"
#include "drivers/xhci.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define ADD_FLAGS 1 // double word of the input control context
#define REPORT_BYTES 8
#define MICROFRAMES_LOG 3 // 8 microframes in a frame
#define INTERVAL_FRAMES_MAX 10
#define INTERVAL_MAX 15

unsigned xhci_report_endpoint(const struct usb_device *device)
{
    return device->interface.endpoint * 2u + 1;
}

// Context `index` of the input context: 0 is the input control context, and context n of the device
// has index n + 1.
static uint32_t *input(const struct xhci *xhci, unsigned index)
{
    return (uint32_t *)(void *)(xhci->memory->input + (size_t)index * xhci->context_bytes);
}

// An empty input context, with the contexts whose bits are in `add`.
static void begin(const struct xhci *xhci, uint32_t add)
{
    memset(xhci->memory->input, 0, sizeof(xhci->memory->input));
    input(xhci, 0)[ADD_FLAGS] = add;
}

// `entries`: the index of the device's last endpoint.
static void fill_slot(const struct usb_device *device, unsigned entries)
{
    uint32_t *slot = input(device->xhci, 1);
    bool is_hub = device->interface.kind == USB_HUB;
    slot[0] = device->route | (uint32_t)device->speed << XHCI_SLOT_SPEED_SHIFT |
              (is_hub ? XHCI_SLOT_HUB : 0) | entries << XHCI_SLOT_ENTRIES_SHIFT;
    slot[1] = (uint32_t)device->root_port << XHCI_SLOT_ROOT_PORT_SHIFT |
              (uint32_t)device->hub.count << XHCI_SLOT_PORTS_SHIFT;
    slot[2] = device->tt_slot | (uint32_t)device->tt_port << XHCI_SLOT_TT_PORT_SHIFT;
    if (is_hub && device->speed == USB_HIGH_SPEED) {
        slot[2] |= (uint32_t)device->hub.think_time << XHCI_SLOT_TTT_SHIFT;
    }
}

static void fill_endpoint(uint32_t *endpoint, uint32_t type, uint16_t packet_bytes,
                          const struct xhci_ring *ring)
{
    uint64_t dequeue = ring->physical | XHCI_ENDPOINT_DCS;
    endpoint[1] =
        XHCI_ENDPOINT_CERR_3 | type | (uint32_t)packet_bytes << XHCI_ENDPOINT_PACKET_SHIFT;
    endpoint[2] = (uint32_t)dequeue;
    endpoint[3] = (uint32_t)(dequeue >> 32);
    endpoint[4] = REPORT_BYTES; // average TRB length: 8 for a control endpoint too (4.14.1.1)
}

static void fill_endpoint_0(const struct usb_device *device)
{
    fill_endpoint(input(device->xhci, 1 + XHCI_ENDPOINT_0), XHCI_ENDPOINT_CONTROL,
                  device->packet_bytes, &device->control);
}

void xhci_context_for_address(const struct usb_device *device)
{
    begin(device->xhci, BIT(0) | BIT(XHCI_ENDPOINT_0));
    fill_slot(device, XHCI_ENDPOINT_0);
    fill_endpoint_0(device);
}

void xhci_context_for_packet(const struct usb_device *device)
{
    begin(device->xhci, BIT(XHCI_ENDPOINT_0));
    fill_endpoint_0(device);
}

static unsigned log2_of(unsigned value)
{
    unsigned log = 0;
    while (value > 1) {
        value >>= 1;
        log++;
    }
    return log;
}

// The exponent of the interval in microframes of 125 us (6.2.3.6). bInterval has frames for low and
// full speed; for high speed it is an exponent itself.
static unsigned interval_of(const struct usb_device *device)
{
    unsigned interval = device->interface.interval;
    if (device->speed == USB_HIGH_SPEED) {
        return MIN(interval - 1, INTERVAL_MAX);
    }
    return MIN(log2_of(interval) + MICROFRAMES_LOG, INTERVAL_FRAMES_MAX);
}

void xhci_context_for_interface(const struct usb_device *device)
{
    unsigned index = xhci_report_endpoint(device);
    const struct usb_interface *interface = &device->interface;
    begin(device->xhci, (uint32_t)(BIT(0) | BIT(index)));
    fill_slot(device, index);
    uint32_t *endpoint = input(device->xhci, 1 + index);
    fill_endpoint(endpoint, XHCI_ENDPOINT_INTERRUPT_IN, interface->packet_bytes, &device->reports);
    endpoint[0] = interval_of(device) << XHCI_ENDPOINT_INTERVAL_SHIFT;
    endpoint[4] |= (uint32_t)interface->packet_bytes << XHCI_ENDPOINT_ESIT_SHIFT;
}

unsigned xhci_context_state(const struct usb_device *device, unsigned endpoint)
{
    const uint8_t *context =
        device->memory->contexts + (size_t)endpoint * device->xhci->context_bytes;
    return __atomic_load_n((const uint32_t *)(const void *)context, __ATOMIC_ACQUIRE) &
           XHCI_ENDPOINT_STATE_MASK;
}
