// SPDX-License-Identifier: MIT
// The controller's side of rings and contexts (xHCI 1.2, 4.5, 4.6, 4.9, 4.11).
#include "tests/host/drivers/fake_xhci_slots.h"

#include <string.h>

#include "drivers/xhci_registers.h"
#include "tests/host/drivers/fake_frames.h"
#include "tests/host/drivers/fake_usb.h"
#include "tests/host/drivers/fake_xhci.h"

#define TRANSACTION_ERROR 4

// ---- Events ----

static void put_event(enum xhci_trb_type type, uint64_t parameter, uint32_t status,
                      uint32_t control)
{
    const struct xhci_segment *segment = fake_frames_dma(fake_xhci.erstba, sizeof(*segment));
    fake_frames_check(fake_xhci.erstsz == 1 && segment->trbs >= 16,
                      "the event ring has no segment");
    struct xhci_trb *trb =
        fake_frames_dma(segment->address + fake_xhci.event_next * 16UL, sizeof(*trb));
    *trb =
        (struct xhci_trb){.parameter = parameter,
                          .status = status,
                          .control = control | type << XHCI_TRB_TYPE_SHIFT | fake_xhci.event_cycle};
    if (++fake_xhci.event_next == segment->trbs) {
        fake_xhci.event_next = 0;
        fake_xhci.event_cycle = !fake_xhci.event_cycle;
    }
}

bool fake_xhci_is_running(void)
{
    return (fake_xhci.command & XHCI_RUN_STOP) && !(fake_xhci.status & XHCI_HSE);
}

void fake_xhci_change_port(unsigned port, uint32_t change)
{
    bool is_news = (fake_xhci.portsc[port] & change) == 0;
    fake_xhci.portsc[port] |= change;
    if (is_news && fake_xhci_is_running() &&
        fake_xhci.erstba != 0) { // else the firmware takes the event
        put_event(XHCI_PORT_STATUS_CHANGE, (uint64_t)port << XHCI_PORT_SHIFT,
                  XHCI_SUCCESS << XHCI_CODE_SHIFT, 0);
    }
}

// ---- Rings ----

// The next TRB, if the driver has given one. Links are followed.
static struct xhci_trb *take_trb(struct fake_xhci_ring *ring, uint64_t *at)
{
    for (unsigned links = 0; links < 2; links++) {
        struct xhci_trb *trb = fake_frames_dma(ring->dequeue, sizeof(*trb));
        if ((trb->control & XHCI_CYCLE) != ring->cycle) {
            return NULL;
        }
        if ((trb->control >> XHCI_TRB_TYPE_SHIFT & XHCI_TRB_TYPE_MASK) != XHCI_LINK) {
            *at = ring->dequeue;
            ring->dequeue += sizeof(*trb);
            return trb;
        }
        ring->cycle ^= (trb->control & XHCI_TOGGLE_CYCLE) != 0;
        ring->dequeue = trb->parameter;
    }
    fake_frames_check(false, "a ring of links");
    return NULL;
}

struct fake_xhci_ring fake_xhci_ring_at(uint64_t dequeue)
{
    return (struct fake_xhci_ring){
        .state = XHCI_ENDPOINT_RUNNING, .dequeue = dequeue & ~15ULL, .cycle = dequeue & 1};
}

static size_t context_bytes(void)
{
    return fake_xhci.has_long_contexts ? 64 : 32;
}

static uint32_t *context(uint64_t base, unsigned index)
{
    return fake_frames_dma(base + index * context_bytes(), context_bytes());
}

static void set_state(struct fake_xhci_slot *slot, unsigned endpoint, unsigned state)
{
    (endpoint == 1 ? &slot->control : &slot->report)->state = state;
    *context(slot->contexts, endpoint) = state;
}

// ---- Devices and their slots ----

static struct fake_usb_device *device_on_way(unsigned root_port, uint32_t route)
{
    struct fake_usb_device *device =
        root_port <= FAKE_XHCI_PORTS ? fake_xhci.devices[root_port] : NULL;
    for (; route != 0 && device; route >>= 4) {
        device = device->ports[route & 15].device;
    }
    return device;
}

struct fake_xhci_slot *fake_xhci_slot_of(const struct fake_usb_device *device)
{
    for (unsigned i = 1; i <= FAKE_XHCI_SLOTS; i++) {
        if (fake_xhci.slots[i].is_enabled && fake_xhci.slots[i].device == device) {
            return &fake_xhci.slots[i];
        }
    }
    return NULL;
}

static bool is_plugged_in(const struct fake_xhci_slot *slot)
{
    return device_on_way(slot->context[1] >> 16 & 0xff, slot->context[0] & 0xfffff) == slot->device;
}

static unsigned number_of(const struct fake_xhci_slot *slot)
{
    return (unsigned)(slot - fake_xhci.slots);
}

static void put_transfer_event(const struct fake_xhci_slot *slot, unsigned endpoint, uint64_t at,
                               enum xhci_code code, size_t left)
{
    put_event(XHCI_TRANSFER_EVENT, at, code << XHCI_CODE_SHIFT | (uint32_t)left,
              number_of(slot) << XHCI_SLOT_SHIFT | endpoint << XHCI_ENDPOINT_SHIFT);
}

// ---- Commands ----

static enum xhci_code enable_slot(unsigned *number)
{
    for (unsigned i = 1; i <= (fake_xhci.config & 0xff); i++) {
        if (!fake_xhci.slots[i].is_enabled) {
            fake_xhci.slots[i] = (struct fake_xhci_slot){.is_enabled = true};
            *number = i;
            return XHCI_SUCCESS;
        }
    }
    return XHCI_NO_SLOTS;
}

static enum xhci_code address_device(struct fake_xhci_slot *slot, uint64_t input)
{
    const uint64_t *dcbaa = fake_frames_dma(fake_xhci.dcbaap, 8UL * (FAKE_XHCI_SLOTS + 1));
    const uint32_t *endpoint = context(input, 2);
    fake_frames_check(context(input, 0)[1] == 3, "Address Device adds something else");
    memcpy(slot->context, context(input, 1), sizeof(slot->context));
    slot->contexts = dcbaa[number_of(slot)];
    slot->device = device_on_way(slot->context[1] >> 16 & 0xff, slot->context[0] & 0xfffff);
    slot->control = fake_xhci_ring_at(endpoint[2] | (uint64_t)endpoint[3] << 32);
    if (fake_xhci.address_code != 0) {
        return fake_xhci.address_code;
    }
    if (!slot->device || slot->device->resets == 0 ||
        (slot->context[0] >> 20 & 15) != (unsigned)slot->device->speed) {
        return TRANSACTION_ERROR;
    }
    set_state(slot, 1, XHCI_ENDPOINT_RUNNING);
    return XHCI_SUCCESS;
}

static enum xhci_code configure_endpoint(struct fake_xhci_slot *slot, uint64_t input)
{
    uint32_t add = context(input, 0)[1];
    fake_frames_check(add & 1, "Configure Endpoint without a slot context");
    memcpy(slot->context, context(input, 1), sizeof(slot->context));
    slot->report_endpoint = slot->context[0] >> 27;
    fake_frames_check(add == (1 | 1u << slot->report_endpoint), "context entries do not fit");
    memcpy(slot->report_context, context(input, slot->report_endpoint + 1),
           sizeof(slot->report_context));
    slot->report =
        fake_xhci_ring_at(slot->report_context[2] | (uint64_t)slot->report_context[3] << 32);
    set_state(slot, slot->report_endpoint, XHCI_ENDPOINT_RUNNING);
    return XHCI_SUCCESS;
}

static enum xhci_code command_endpoint(struct fake_xhci_slot *slot, enum xhci_trb_type type,
                                       unsigned endpoint, uint64_t parameter)
{
    struct fake_xhci_ring *ring = endpoint == 1 ? &slot->control : &slot->report;
    unsigned state = ring->state;
    fake_frames_check(endpoint == 1 || endpoint == slot->report_endpoint,
                      "a command about no endpoint");
    if (type == XHCI_RESET_ENDPOINT) {
        fake_frames_check(state == XHCI_ENDPOINT_HALTED, "an endpoint is reset that is not halted");
    } else if (type == XHCI_STOP_ENDPOINT) {
        fake_frames_check(state == XHCI_ENDPOINT_RUNNING,
                          "an endpoint is stopped that does not run");
    } else {
        fake_frames_check(state != XHCI_ENDPOINT_RUNNING && state != XHCI_ENDPOINT_HALTED,
                          "the ring of an endpoint is changed that runs or is halted");
        *ring = fake_xhci_ring_at(parameter);
    }
    set_state(slot, endpoint, 3);
    return XHCI_SUCCESS;
}

static enum xhci_code execute(const struct xhci_trb *trb, unsigned *number)
{
    enum xhci_trb_type type = trb->control >> XHCI_TRB_TYPE_SHIFT & XHCI_TRB_TYPE_MASK;
    struct fake_xhci_slot *slot = &fake_xhci.slots[*number];
    if (type == XHCI_ENABLE_SLOT) {
        return enable_slot(number);
    }
    fake_frames_check(*number <= FAKE_XHCI_SLOTS && slot->is_enabled, "a command about no slot");
    switch (type) {
    case XHCI_DISABLE_SLOT:
        fake_frames_check(slot->report.state != XHCI_ENDPOINT_RUNNING,
                          "a slot is disabled that works");
        *slot = (struct fake_xhci_slot){.is_enabled = false};
        return XHCI_SUCCESS;
    case XHCI_ADDRESS_DEVICE:
        return address_device(slot, trb->parameter);
    case XHCI_EVALUATE_CONTEXT:
        fake_frames_check(context(trb->parameter, 0)[1] == 2,
                          "Evaluate Context evaluates something else");
        return XHCI_SUCCESS;
    case XHCI_CONFIGURE_ENDPOINT:
        return configure_endpoint(slot, trb->parameter);
    default:
        return command_endpoint(slot, type, trb->control >> XHCI_ENDPOINT_SHIFT & 31,
                                trb->parameter);
    }
}

static void execute_commands(void)
{
    const struct xhci_trb *trb;
    uint64_t at;
    while (!fake_xhci.commands_hang && (trb = take_trb(&fake_xhci.commands, &at))) {
        unsigned slot = trb->control >> XHCI_SLOT_SHIFT;
        enum xhci_code code = execute(trb, &slot);
        put_event(XHCI_COMMAND_COMPLETION, at, code << XHCI_CODE_SHIFT, slot << XHCI_SLOT_SHIFT);
    }
}

// ---- Transfers ----

static void halt(struct fake_xhci_slot *slot, unsigned endpoint, uint64_t at, enum xhci_code code)
{
    set_state(slot, endpoint, XHCI_ENDPOINT_HALTED);
    put_transfer_event(slot, endpoint, at, code, 0);
}

static void transfer_control(struct fake_xhci_slot *slot)
{
    uint8_t data[512];
    struct usb_setup setup;
    uint64_t at;
    size_t length = 0;
    const struct xhci_trb *trb = take_trb(&slot->control, &at);
    fake_frames_check(trb && trb->status == sizeof(setup) && (trb->control & XHCI_IDT),
                      "no Setup Stage");
    memcpy(&setup, &trb->parameter, sizeof(setup));
    if (setup.wLength > 0) {
        trb = take_trb(&slot->control, &at);
        fake_frames_check(trb && trb->status == setup.wLength && setup.wLength <= sizeof(data),
                          "no Data Stage of the same length");
        memcpy(data, fake_frames_dma(trb->parameter, setup.wLength), setup.wLength);
    }
    enum xhci_code code = XHCI_NO_ANSWER;
    if (is_plugged_in(slot)) {
        code = fake_usb_control(slot->device, &setup, data, &length);
    }
    if (code == XHCI_NO_ANSWER) {
        return;
    }
    if (code != XHCI_SUCCESS) {
        halt(slot, 1, at, code);
        return;
    }
    if (setup.wLength > 0) {
        bool in = (setup.bmRequestType & USB_IN) != 0;
        size_t left = in ? setup.wLength - length : 0;
        fake_frames_check(((trb->control & XHCI_DIR_IN) != 0) == in, "data in the wrong direction");
        memcpy(fake_frames_dma(trb->parameter, setup.wLength), data, in ? length : 0);
        put_transfer_event(slot, 1, at, left > 0 ? XHCI_SHORT_PACKET : XHCI_SUCCESS, left);
    }
    trb = take_trb(&slot->control, &at);
    fake_frames_check(trb && (trb->control & XHCI_IOC), "no Status Stage");
    put_transfer_event(slot, 1, at, XHCI_SUCCESS, 0);
}

void fake_xhci_doorbell(unsigned number, unsigned endpoint)
{
    struct fake_xhci_slot *slot = &fake_xhci.slots[number];
    if (number == 0) {
        execute_commands();
        return;
    }
    fake_frames_check(number <= FAKE_XHCI_SLOTS && slot->is_enabled, "the doorbell of no slot");
    struct fake_xhci_ring *ring = endpoint == 1 ? &slot->control : &slot->report;
    if (ring->state != XHCI_ENDPOINT_HALTED) {
        set_state(slot, endpoint, XHCI_ENDPOINT_RUNNING);
    }
    if (endpoint == 1) {
        transfer_control(slot);
    }
}

bool fake_xhci_report(const struct fake_usb_device *device, const void *report, size_t length,
                      enum xhci_code code)
{
    struct fake_xhci_slot *slot = fake_xhci_slot_of(device);
    uint64_t at;
    if (!slot || slot->report.state != XHCI_ENDPOINT_RUNNING || !fake_xhci_is_running()) {
        return false;
    }
    const struct xhci_trb *trb = take_trb(&slot->report, &at);
    if (!trb) {
        return false;
    }
    fake_frames_check(trb->status >= length && trb->control & XHCI_IOC, "a report does not fit");
    if (code != XHCI_SUCCESS && code != XHCI_SHORT_PACKET) {
        halt(slot, slot->report_endpoint, at, code);
        return true;
    }
    memcpy(fake_frames_dma(trb->parameter, trb->status), report, length);
    put_transfer_event(slot, slot->report_endpoint, at, code, trb->status - length);
    return true;
}

void fake_xhci_hub_report(const struct fake_usb_device *hub)
{
    uint16_t changes = fake_usb_hub_changes(hub);
    if (changes != 0) {
        (void)fake_xhci_report(hub, &changes, sizeof(changes), XHCI_SHORT_PACKET);
    }
}
