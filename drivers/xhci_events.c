// SPDX-License-Identifier: MIT
// The event ring (xHCI 1.2, 4.9.4, 6.4.2). What an event says is checked like a device's words.
#include "drivers/xhci_events.h"

#include "arch/x86/frames.h"
#include "arch/x86/time.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_hub.h"
#include "drivers/usb_keyboard.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_context.h"
#include "drivers/xhci_operation.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/types.h"

#define EVENTS_A_POLL 64

// ---- Reports ----

// Each TRB of the ring has a buffer of its own.
static void expect_report(struct usb_device *device)
{
    unsigned index = device->reports.enqueue;
    struct xhci_trb trb = {.parameter = frames_physical(device->memory->report[index]),
                           .status = XHCI_REPORT_BYTES,
                           .control = XHCI_NORMAL << XHCI_TRB_TYPE_SHIFT |
                                      (uint32_t)(XHCI_ISP | XHCI_IOC)};
    (void)xhci_ring_put(&device->reports, trb);
}

static void ring_for_reports(const struct usb_device *device)
{
    xhci_ring_doorbell(device->xhci, device->slot, xhci_report_endpoint(device));
}

void xhci_expect_reports(struct usb_device *device)
{
    for (unsigned i = 0; i < XHCI_REPORTS; i++) {
        expect_report(device);
    }
    ring_for_reports(device);
}

static void take_report(struct usb_device *device, const uint8_t *report, size_t length)
{
    device->report_errors = 0;
    if (device->interface.kind == USB_HUB) {
        usb_hub_take_report(device, report, length);
        return;
    }
    device->xhci->failures = 0;
    usb_keyboard_take(&device->keyboard, report, length, time_now_ns(), device->xhci->typed);
}

static void end_report(struct usb_device *device, const struct xhci_trb *event, enum xhci_code code)
{
    unsigned index;
    if (device->report_error != 0) {
        return;
    }
    if (!xhci_code_is_good(code)) {
        device->report_error = code;
        usb_keyboard_release(&device->keyboard);
        return;
    }
    if (!xhci_ring_has(&device->reports, event->parameter, &index)) {
        return;
    }
    uint32_t left = MIN(event->status & XHCI_LENGTH_MASK, XHCI_REPORT_BYTES);
    take_report(device, device->memory->report[index], XHCI_REPORT_BYTES - left);
    expect_report(device);
    ring_for_reports(device);
}

// ---- Operations ----

static void end_stage(struct xhci *xhci, const struct xhci_trb *event, enum xhci_code code)
{
    if (event->parameter == xhci->data_at && xhci_code_is_good(code)) {
        xhci->data_bytes -= MIN(event->status & XHCI_LENGTH_MASK, xhci->data_bytes);
    } else if (event->parameter == xhci->pending_at || event->parameter == xhci->data_at ||
               event->parameter == xhci->status_at) {
        xhci_end(xhci, code);
    }
}

static void end_transfer(struct xhci *xhci, const struct xhci_trb *event, enum xhci_code code)
{
    unsigned slot = event->control >> XHCI_SLOT_SHIFT;
    unsigned endpoint = event->control >> XHCI_ENDPOINT_SHIFT & XHCI_ENDPOINT_MASK;
    if (slot > XHCI_SLOTS || !xhci->devices[slot].memory || code == XHCI_STOPPED ||
        code == XHCI_STOPPED_LENGTH_INVALID || code == XHCI_STOPPED_SHORT_PACKET) {
        return;
    }
    struct usb_device *device = &xhci->devices[slot];
    if (endpoint != XHCI_ENDPOINT_0) {
        if (device->interface.kind != USB_OTHER && endpoint == xhci_report_endpoint(device)) {
            end_report(device, event, code);
        }
    } else if (xhci->pending == XHCI_CONTROL && device == xhci->device) {
        end_stage(xhci, event, code);
    }
}

static void end_command(struct xhci *xhci, const struct xhci_trb *event, enum xhci_code code)
{
    if (xhci->pending == XHCI_COMMAND && event->parameter == xhci->pending_at) {
        xhci->slot_given = (uint8_t)(event->control >> XHCI_SLOT_SHIFT);
        xhci_end(xhci, code);
    }
}

static void note_port(struct xhci *xhci, const struct xhci_trb *event)
{
    unsigned port = event->parameter >> XHCI_PORT_SHIFT & UINT8_MAX;
    xhci->ports[port].changed = true;
}

// ---- The ring ----

static void take(struct xhci *xhci, const struct xhci_trb *event)
{
    enum xhci_code code = event->status >> XHCI_CODE_SHIFT;
    switch (event->control >> XHCI_TRB_TYPE_SHIFT & XHCI_TRB_TYPE_MASK) {
    case XHCI_TRANSFER_EVENT:
        end_transfer(xhci, event, code);
        break;
    case XHCI_COMMAND_COMPLETION:
        end_command(xhci, event, code);
        break;
    case XHCI_PORT_STATUS_CHANGE:
        note_port(xhci, event);
        break;
    default:
        break;
    }
}

// The event is Husk's when its cycle bit says so.
static bool next(struct xhci *xhci, struct xhci_trb *event)
{
    const struct xhci_trb *from = &xhci->memory->events[xhci->event_next];
    event->control = __atomic_load_n(&from->control, __ATOMIC_ACQUIRE);
    if (((event->control & XHCI_CYCLE) != 0) != xhci->event_cycle) {
        return false;
    }
    event->parameter = from->parameter;
    event->status = from->status;
    if (++xhci->event_next == XHCI_EVENT_TRBS) {
        xhci->event_next = 0;
        xhci->event_cycle = !xhci->event_cycle;
    }
    return true;
}

void xhci_take_events(struct xhci *xhci)
{
    struct xhci_trb event;
    unsigned count = 0;
    while (count < EVENTS_A_POLL && next(xhci, &event)) {
        take(xhci, &event);
        count++;
    }
    if (count > 0) {
        uint64_t at = frames_physical(&xhci->memory->events[xhci->event_next]);
        xhci_write(xhci, xhci->runtime + XHCI_ERDP, (uint32_t)(at | XHCI_EHB));
        xhci_write(xhci, xhci->runtime + XHCI_ERDP + 4, (uint32_t)(at >> 32));
    }
}
