// SPDX-License-Identifier: MIT
// What a script lets the controller do: commands, control transfers and pauses. Each returns at
// once. `done` is called when the operation has ended, with its completion code; XHCI_NO_ANSWER: it
// took too long.
#pragma once

#include "drivers/xhci.h"
#include "drivers/xhci_registers.h"
#include "vmm/util/types.h"

struct usb_setup;

// A command about a slot (0: none). `parameter` is the address of a context or of a TRB, or 0;
// `endpoint` an index or 0. A command that takes too long breaks the controller.
void xhci_command(struct xhci *xhci, enum xhci_trb_type type, uint64_t parameter, uint8_t slot,
                  unsigned endpoint, xhci_done *done);

// A control transfer with the script's device. Data lie in the device's memory. If the transfer
// fails, endpoint 0 works again when `done` is called. `data_bytes` of the controller is how many
// bytes came.
void xhci_control(struct xhci *xhci, struct usb_setup setup, xhci_done *done);

void xhci_pause(struct xhci *xhci, uint64_t ns, xhci_done *done);

// Makes an endpoint of the script's device work again after an error. Its ring is empty then.
void xhci_restart_endpoint(struct xhci *xhci, unsigned endpoint, xhci_done *done);

// Tells the controller that a ring of the slot has new TRBs. Slot 0: the command ring.
void xhci_ring_doorbell(struct xhci *xhci, uint8_t slot, unsigned endpoint);

// ---- For those who take the events ----

// The operation has ended: it is forgotten, and `done` is called.
void xhci_end(struct xhci *xhci, enum xhci_code code);
// Looks whether the operation takes too long. False: a command does, and the controller is broken.
bool xhci_look_at_patience(struct xhci *xhci) MUST_CHECK;

bool xhci_code_is_good(enum xhci_code code);
