// SPDX-License-Identifier: MIT
// An xHCI controller for tests. It ends the program if the driver breaks a rule. It does at once
// what a doorbell asks for.
#pragma once

#include "drivers/key_ring.h"
#include "drivers/pci_functions.h"
#include "drivers/usb.h"
#include "drivers/xhci_registers.h"
#include "tests/host/drivers/fake_usb.h"
#include "vmm/util/types.h"

#define FAKE_XHCI_PORTS 6 // 1 to 4 are for USB 2, 5 and 6 for USB 3
#define FAKE_XHCI_SLOTS 32

struct reason;

struct fake_xhci_slot {
    bool is_enabled;
    struct fake_usb_device *device;
    uint32_t context[3]; // the slot context that the driver gave
    uint64_t contexts;   // the device's own, physical
    uint32_t report_context[5];
    struct fake_xhci_ring {
        unsigned state; // of the endpoint
        uint64_t dequeue;
        bool cycle;
    } control, report;
    unsigned report_endpoint;
};

struct fake_xhci {
    // What kind of controller it is. Set these before fake_xhci_open.
    bool has_long_contexts;
    unsigned scratchpads;
    unsigned slot_count; // at most FAKE_XHCI_SLOTS
    uint64_t address;    // its base address
    uint32_t bar_bytes;
    uint32_t pci_id;
    bool has_legacy;
    bool firmware_holds;         // it never gives the controller up
    bool ports_are_off;          // after a reset, and when they go on there is no event
    bool reset_hangs;            // HCRST stays
    bool commands_hang;          // no command is answered
    enum xhci_code address_code; // of Address Device, instead of success
    uint32_t doorbell_offset;

    // What the test sees.
    struct key_ring typed;
    struct xhci *xhci;
    uint32_t pci_command;
    uint32_t port_routing; // of Intel's chipsets
    uint32_t legacy;
    uint32_t legacy_control;
    unsigned resets;
    unsigned reads; // of registers, since the test set this to 0
    struct fake_xhci_slot slots[FAKE_XHCI_SLOTS + 1];

    // Its registers and rings.
    uint32_t command;
    uint32_t status;
    uint32_t config;
    uint64_t dcbaap;
    uint64_t crcr;
    uint64_t erstba;
    uint64_t erdp;
    uint32_t erstsz;
    uint32_t portsc[FAKE_XHCI_PORTS + 1];
    struct fake_usb_device *devices[FAKE_XHCI_PORTS + 1];
    struct fake_xhci_ring commands;
    unsigned event_next;
    bool event_cycle;
};

extern struct fake_xhci fake_xhci;

// A controller in good order, running for the firmware.
void fake_xhci_clear(void);
// Lets the driver open it. False: it refuses; `why` says why.
bool fake_xhci_open(struct reason *why);
// Lets time pass, with a poll every 4 ms.
void fake_xhci_run_ms(unsigned ms);

// Plugs a device into a root port, or unplugs it (NULL).
void fake_xhci_plug(unsigned port, struct fake_usb_device *device);
// The slot of a device; NULL: it has none.
struct fake_xhci_slot *fake_xhci_slot_of(const struct fake_usb_device *device);
// The device sends a report, with a completion code. False: the driver waits for none.
bool fake_xhci_report(const struct fake_usb_device *device, const void *report, size_t length,
                      enum xhci_code code);
// The hub sends its report if one of its ports has changed.
void fake_xhci_hub_report(const struct fake_usb_device *hub);
