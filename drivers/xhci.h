// SPDX-License-Identifier: MIT
// What Husk keeps of an xHCI controller and of the USB devices behind it.
//
// Each controller does one thing at a time: a command, a control transfer or a pause. When it ends,
// the function runs that was named at its start; mostly that starts the next one. Such a chain of
// functions is a script. While there is no script, usb_bus.c looks for a reason to begin one.
// Keyboards and hubs send their reports beside it.
#pragma once

#include "drivers/pci_functions.h"
#include "drivers/usb.h"
#include "drivers/usb_descriptors.h"
#include "drivers/usb_keyboard.h"
#include "drivers/xhci_ring.h"
#include "vmm/util/patience.h"
#include "vmm/util/types.h"

#define XHCI_SLOTS 16 // devices of one controller that Husk uses at the same time
#define XHCI_PORTS_MAX 255
#define XHCI_COMMAND_TRBS 16
#define XHCI_EVENT_TRBS 256
#define XHCI_CONTROL_TRBS 16
#define XHCI_REPORT_TRBS 8
#define XHCI_REPORTS (XHCI_REPORT_TRBS - 2) // are waited for at the same time
#define XHCI_REPORT_BYTES 64
#define XHCI_DATA_BYTES 512 // the most that a control transfer carries

struct xhci;

typedef void xhci_done(struct xhci *xhci, enum xhci_code code);

// The memory of a device that the controller sees: one frame.
struct usb_device_memory {
    alignas(64) uint8_t contexts[XHCI_CONTEXTS * XHCI_CONTEXT_BYTES];
    alignas(64) struct xhci_trb control[XHCI_CONTROL_TRBS];
    alignas(64) struct xhci_trb reports[XHCI_REPORT_TRBS];
    uint8_t report[XHCI_REPORT_TRBS - 1][XHCI_REPORT_BYTES]; // one for each TRB
    uint8_t data[XHCI_DATA_BYTES];                           // of the control transfer
};

static_assert(sizeof(struct usb_device_memory) <= PAGE_SIZE, "one frame");

// A port of a hub, or a root port if `hub` is NULL. They count from 1.
struct usb_place {
    struct usb_device *hub;
    uint8_t port;
};

// A device that has a slot. Its number is that of the slot.
struct usb_device {
    struct xhci *xhci;
    struct usb_device_memory *memory; // NULL: there is no such device
    uint8_t slot;
    bool is_gone;
    enum usb_speed speed;
    struct usb_place place;
    unsigned hubs;         // above it
    uint8_t root_port;     // that it is behind
    uint32_t route;        // from there: 4 bits for each hub
    uint8_t tt_slot;       // the hub of high speed that speaks low or full speed to it; 0: none
    uint8_t tt_port;       // of that hub
    uint16_t packet_bytes; // of endpoint 0
    struct xhci_ring control;
    struct usb_interface interface; // once it is configured
    struct xhci_ring reports;       // of the interface's endpoint
    enum xhci_code report_error;    // that stopped the endpoint; 0: it works
    unsigned report_errors;         // since the last report
    struct usb_hub_ports hub;
    uint16_t hub_changed; // a bit for each port
    uint16_t hub_ignored; // ports whose device Husk does not use
    struct usb_keyboard keyboard;
    uint8_t lights_shown;
};

// The memory of a controller that it sees itself.
struct xhci_memory {
    alignas(64) uint64_t dcbaa[XHCI_SLOTS + 1]; // Device Context Base Address Array
    alignas(64) struct xhci_trb commands[XHCI_COMMAND_TRBS];
    alignas(64) struct xhci_segment segments[1];
    alignas(64) uint8_t input[(XHCI_CONTEXTS + 1) * XHCI_CONTEXT_BYTES]; // input context
    alignas(PAGE_SIZE) struct xhci_trb events[XHCI_EVENT_TRBS];
};

enum xhci_state {
    XHCI_HANDING_OVER, // from the firmware
    XHCI_HALTING,
    XHCI_RESETTING,
    XHCI_RUNNING,
    XHCI_DEAD,
};

struct xhci_root_port {
    bool is_usb2; // keyboards never work at the other ports
    bool changed;
    bool ignored; // Husk does not use its device
};

// What the controller does for the script.
enum xhci_pending { XHCI_NOTHING, XHCI_COMMAND, XHCI_CONTROL, XHCI_PAUSE };

// A port, as a root port and a hub tell it alike.
struct usb_port_status {
    bool connected;
    bool connection_changed;
    bool enabled;
    bool resetting;
    unsigned speed; // enum usb_speed or a higher speed; valid when enabled
};

struct xhci {
    struct pci_function pci;
    struct key_ring *typed;
    volatile uint8_t *registers;
    uint32_t bytes; // of registers
    uint32_t operational;
    uint32_t runtime;
    uint32_t doorbells;
    uint32_t legacy; // offset of USBLEGSUP; 0: the firmware has no driver
    unsigned slots;
    unsigned context_bytes;
    unsigned port_count;
    unsigned scratchpads;
    uint64_t *scratchpad_array; // NULL: the controller needs none
    struct xhci_memory *memory;

    enum xhci_state state;
    struct patience patience; // since the state or the pending operation began
    unsigned failures;        // since a keyboard last worked
    struct xhci_ring commands;
    unsigned event_next;
    bool event_cycle;

    enum xhci_pending pending;
    uint64_t pending_ns; // how long it may take; of a pause: how long it takes
    uint64_t pending_at; // the command, or the control transfer's Setup Stage TRB
    uint64_t data_at;    // its Data Stage TRB; 0: it has none
    uint64_t status_at;  // its Status Stage TRB
    xhci_done *pending_done;
    unsigned data_bytes; // asked for, and then transferred, by the control transfer
    uint8_t slot_given;  // by Enable Slot

    // Of the script.
    struct usb_place place;        // the port it is about
    struct usb_port_status status; // of that port
    unsigned port_changes;         // of a hub's port, not yet acknowledged
    struct usb_device *device;     // the device it is about; NULL: none yet
    unsigned tries;                // to attach the device
    unsigned looks;                // at the port, until it has been reset
    xhci_done *port_done;          // when the port has been read
    xhci_done *restart_done;       // when the endpoint has been restarted
    xhci_done *control_done;       // when endpoint 0 has been restarted
    enum xhci_code control_code;   // why endpoint 0 was restarted
    uint8_t restart_endpoint;      // its device context index

    struct xhci_root_port ports[XHCI_PORTS_MAX + 1]; // by number
    struct usb_device devices[XHCI_SLOTS + 1];       // by slot
};
