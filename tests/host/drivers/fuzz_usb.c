// SPDX-License-Identifier: MIT
// Fuzzes the whole USB driver. The input plugs and unplugs devices, and changes what they answer.
// Whatever they say, the controller is used by its rules (fake_xhci.c ends the program otherwise),
// no slot and no frame is lost, and each poll is short.
#include <stdlib.h>
#include <string.h>

#include "drivers/key_ring.h"
#include "drivers/xhci.h"
#include "drivers/xhci_poll.h"
#include "tests/host/drivers/fake_frames.h"
#include "tests/host/drivers/fake_usb.h"
#include "tests/host/drivers/fake_xhci.h"
#include "vmm/util/status.h"

#define DEVICES 4
#define PORTS 4
#define STEPS_MAX 64
#define END_MS 60000  // is enough for every limit of the driver, one after another
#define READS_MAX 200 // of registers, in one poll

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_left;
static struct fake_usb_device devices[DEVICES];

// After the input's end everything is honest.
static uint8_t next(void)
{
    if (input_left == 0) {
        return 0;
    }
    input_left--;
    return *input++;
}

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void distort(const struct usb_setup *setup, uint8_t *data, size_t *length,
                    enum xhci_code *code)
{
    // Babble, USB Transaction Error (xHCI 1.2, 6.4.5)
    static const enum xhci_code errors[] = {XHCI_NO_ANSWER, XHCI_STALL, 3, 4};
    uint8_t how = next();
    if (how >= 0xe0) {
        *code = errors[how >> 1 & 3];
    } else if (how >= 0xc0) {
        *length = MIN(*length, next());
    } else if (how >= 0x80) {
        *length = MIN(setup->wLength, 512);
    }
    if (how & 1 && *length > 0) {
        data[next() % *length] = next();
    }
}

static void make_devices(void)
{
    devices[0] = fake_usb_keyboard(USB_LOW_SPEED + next() % 2);
    devices[1] = fake_usb_hub(USB_HIGH_SPEED, PORTS);
    devices[2] = fake_usb_hub(USB_FULL_SPEED, PORTS);
    devices[3] = fake_usb_mouse();
    for (unsigned i = 0; i < DEVICES; i++) {
        devices[i].distort = distort;
    }
}

static void poll(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fake_xhci.reads = 0;
        fake_xhci_run_ms(4);
        check(fake_xhci.reads <= READS_MAX);
        while (key_ring_take(&fake_xhci.typed) >= 0) {
        }
    }
}

// With honest devices every script ends. False: the controller has been given up.
static bool poll_until_idle(void)
{
    const struct xhci *xhci = fake_xhci.xhci;
    for (unsigned ms = 0; ms < END_MS; ms += 100) {
        poll(25);
        if (xhci->state == XHCI_DEAD || (xhci->state == XHCI_RUNNING && !xhci_is_busy(xhci))) {
            return xhci->state == XHCI_RUNNING;
        }
    }
    check(false);
    return false;
}

static bool is_plugged_in(const struct fake_usb_device *device)
{
    for (unsigned port = 1; port <= PORTS; port++) {
        if (fake_xhci.devices[port] == device || devices[1].ports[port].device == device ||
            devices[2].ports[port].device == device) {
            return true;
        }
    }
    return false;
}

// Into the controller, or into a hub with a lower number, so that there are no rings.
static void plug(uint8_t what)
{
    struct fake_usb_device *device = &devices[what % DEVICES];
    unsigned port = 1 + (what >> 2) % PORTS;
    unsigned hub = what >> 4 & 3;
    device = is_plugged_in(device) ? NULL : device;
    if (hub == 1 || (hub == 2 && device != &devices[1] && device != &devices[2])) {
        if (device != &devices[1]) {
            fake_usb_plug(&devices[hub], port, device);
            fake_xhci_hub_report(&devices[hub]);
        }
    } else {
        fake_xhci_plug(port, device);
    }
}

static void report(uint8_t what)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = next();
    }
    (void)fake_xhci_report(&devices[what % DEVICES], bytes, what >> 4 & 7,
                           what & 0x80 ? XHCI_STALL : XHCI_SHORT_PACKET);
}

static void step(void)
{
    uint8_t what = next();
    switch (what % 6) {
    case 0:
        poll(1 + what / 6);
        break;
    case 1:
    case 2:
        plug(next());
        break;
    case 3:
        report(next());
        break;
    case 4:
        fake_xhci_hub_report(&devices[1 + (what >> 3) % 2]);
        break;
    default:
        fake_xhci.status |= what > 0xf0 ? (uint32_t)XHCI_HCE : 0;
        fake_xhci.address_code = what > 0xe0 ? 4 : 0;
        break;
    }
}

// The driver and the controller agree about the slots in use.
static void check_slots(unsigned frames)
{
    unsigned used = 0;
    for (unsigned slot = 1; slot <= fake_xhci.xhci->slots; slot++) {
        bool has_memory = fake_xhci.xhci->devices[slot].memory;
        check(has_memory == fake_xhci.slots[slot].is_enabled);
        used += has_memory;
    }
    check(fake_frames.used == frames + used);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reason why;
    input = data;
    input_left = size;
    fake_xhci_clear();
    make_devices();
    check(fake_xhci_open(&why));
    unsigned frames = fake_frames.used;
    fake_xhci_plug(1, &devices[next() % DEVICES]);
    for (unsigned i = 0; i < STEPS_MAX && input_left > 0; i++) {
        step();
    }
    input_left = 0;
    if (poll_until_idle()) {
        check_slots(frames);
    }
    return 0;
}
