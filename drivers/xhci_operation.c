// SPDX-License-Identifier: MIT
// Starts operations of a controller, and ends them.
#include "drivers/xhci_operation.h"

#include "arch/x86/frames.h"
#include "arch/x86/time.h"
#include "drivers/usb.h"
#include "drivers/xhci.h"
#include "drivers/xhci_access.h"
#include "drivers/xhci_context.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/patience.h"
#include "vmm/util/string.h"

// Address Device waits for the device, as long as the controller likes.
#define COMMAND_NS (5 * NS_PER_S)
// A device answers within 50 or 500 ms (USB 2.0 9.2.6.4).
#define CONTROL_NS NS_PER_S

bool xhci_code_is_good(enum xhci_code code)
{
    return code == XHCI_SUCCESS || code == XHCI_SHORT_PACKET;
}

static void begin(struct xhci *xhci, enum xhci_pending pending, uint64_t ns, xhci_done *done)
{
    xhci->pending = pending;
    xhci->pending_ns = ns;
    xhci->pending_done = done;
    xhci->patience = patience_begin(time_now_ns());
}

void xhci_ring_doorbell(struct xhci *xhci, uint8_t slot, unsigned endpoint)
{
    xhci_write(xhci, xhci->doorbells + slot * (uint32_t)sizeof(uint32_t), endpoint);
}

void xhci_command(struct xhci *xhci, enum xhci_trb_type type, uint64_t parameter, uint8_t slot,
                  unsigned endpoint, xhci_done *done)
{
    struct xhci_trb trb = {.parameter = parameter,
                           .control = type << XHCI_TRB_TYPE_SHIFT |
                                      endpoint << XHCI_ENDPOINT_SHIFT |
                                      (uint32_t)slot << XHCI_SLOT_SHIFT};
    begin(xhci, XHCI_COMMAND, COMMAND_NS, done);
    xhci->pending_at = xhci_ring_put(&xhci->commands, trb);
    xhci_ring_doorbell(xhci, 0, 0);
}

void xhci_pause(struct xhci *xhci, uint64_t ns, xhci_done *done)
{
    begin(xhci, XHCI_PAUSE, ns, done);
}

// ---- Control transfers (4.11.2.2) ----

static uint32_t stage(enum xhci_trb_type type)
{
    return type << XHCI_TRB_TYPE_SHIFT;
}

static uint64_t put_data_stage(struct usb_device *device, bool in, unsigned bytes)
{
    struct xhci_trb trb = {.parameter = frames_physical(device->memory->data),
                           .status = bytes,
                           .control = stage(XHCI_DATA_STAGE) | (uint32_t)XHCI_IOC |
                                      (in ? (uint32_t)XHCI_DIR_IN : 0)};
    return xhci_ring_put(&device->control, trb);
}

void xhci_control(struct xhci *xhci, struct usb_setup setup, xhci_done *done)
{
    struct usb_device *device = xhci->device;
    struct xhci_trb trb = {.status = sizeof(setup),
                           .control = stage(XHCI_SETUP_STAGE) | (uint32_t)XHCI_IDT};
    bool in = (setup.bmRequestType & USB_IN) != 0;
    bool has_data = setup.wLength != 0;
    memcpy(&trb.parameter, &setup, sizeof(setup));
    if (has_data) {
        trb.control |= in ? XHCI_TRT_IN : XHCI_TRT_OUT;
    }
    begin(xhci, XHCI_CONTROL, CONTROL_NS, done);
    xhci->data_bytes = setup.wLength;
    xhci->pending_at = xhci_ring_put(&device->control, trb);
    xhci->data_at = has_data ? put_data_stage(device, in, setup.wLength) : 0;
    trb = (struct xhci_trb){.control = stage(XHCI_STATUS_STAGE) | (uint32_t)XHCI_IOC |
                                       (has_data && in ? 0 : (uint32_t)XHCI_DIR_IN)};
    xhci->status_at = xhci_ring_put(&device->control, trb);
    xhci_ring_doorbell(xhci, device->slot, XHCI_ENDPOINT_0);
}

// ---- An endpoint after an error (4.6.8, 4.6.9, 4.6.10) ----

static void point_to_ring(struct xhci *xhci, enum xhci_code code)
{
    struct usb_device *device = xhci->device;
    bool is_control = xhci->restart_endpoint == XHCI_ENDPOINT_0;
    struct xhci_ring *ring = is_control ? &device->control : &device->reports;
    (void)code;
    xhci_ring_init(ring, ring->trbs, ring->physical, ring->count);
    xhci_command(xhci, XHCI_SET_TR_DEQUEUE, ring->physical | XHCI_ENDPOINT_DCS, device->slot,
                 xhci->restart_endpoint, xhci->restart_done);
}

void xhci_restart_endpoint(struct xhci *xhci, unsigned endpoint, xhci_done *done)
{
    uint8_t slot = xhci->device->slot;
    xhci->restart_endpoint = (uint8_t)endpoint;
    xhci->restart_done = done;
    switch (xhci_context_state(xhci->device, endpoint)) {
    case XHCI_ENDPOINT_HALTED:
        xhci_command(xhci, XHCI_RESET_ENDPOINT, 0, slot, endpoint, point_to_ring);
        return;
    case XHCI_ENDPOINT_RUNNING:
        xhci_command(xhci, XHCI_STOP_ENDPOINT, 0, slot, endpoint, point_to_ring);
        return;
    default:
        point_to_ring(xhci, XHCI_SUCCESS);
    }
}

static void end_failed_control(struct xhci *xhci, enum xhci_code code)
{
    (void)code;
    xhci->control_done(xhci, xhci->control_code);
}

// ---- The end ----

void xhci_end(struct xhci *xhci, enum xhci_code code)
{
    bool is_control = xhci->pending == XHCI_CONTROL;
    xhci->pending = XHCI_NOTHING;
    if (is_control && !xhci_code_is_good(code)) {
        xhci->control_done = xhci->pending_done;
        xhci->control_code = code;
        xhci_restart_endpoint(xhci, XHCI_ENDPOINT_0, end_failed_control);
        return;
    }
    xhci->pending_done(xhci, code);
}

bool xhci_look_at_patience(struct xhci *xhci)
{
    if (xhci->pending == XHCI_NOTHING) {
        return true;
    }
    patience_look(&xhci->patience, time_now_ns());
    if (xhci->patience.waited_ns < xhci->pending_ns) {
        return true;
    }
    if (xhci->pending == XHCI_COMMAND) {
        return false;
    }
    xhci_end(xhci, xhci->pending == XHCI_PAUSE ? XHCI_SUCCESS : XHCI_NO_ANSWER);
    return true;
}
