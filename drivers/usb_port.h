// SPDX-License-Identifier: MIT
// Ports, of the controller and of hubs alike.
#pragma once

#include "drivers/usb.h"
#include "drivers/xhci.h"
#include "vmm/util/types.h"

// Switches a root port on.
void usb_root_port_power(struct xhci *xhci, uint8_t port);

// Both are about the script's place. Reading gives the script's status, and acknowledges what
// has changed. With a bad completion code the hub did not answer.
void usb_port_read(struct xhci *xhci, xhci_done *done);
// Begins a reset of the port; its status says when it has ended.
void usb_port_reset(struct xhci *xhci, xhci_done *done);

// The request to set or clear a feature of a hub's port, or of another recipient.
struct usb_setup usb_feature(uint8_t type, enum usb_request request, uint16_t feature,
                             uint16_t index);

// Whether the place's device is one that Husk does not use.
bool usb_place_is_ignored(const struct xhci *xhci, struct usb_place place);
void usb_place_set_ignored(struct xhci *xhci, struct usb_place place, bool ignored);
// Lets the port be looked at again.
void usb_place_set_changed(struct xhci *xhci, struct usb_place place);
