// SPDX-License-Identifier: MIT
// Hubs: switches their ports on, and takes their reports of changed ports.
#pragma once

#include "drivers/xhci.h"
#include "vmm/util/types.h"

// Asks the script's device, a configured hub, for its ports. Its `hub` has them when `done` is
// called with success.
void usb_hub_read(struct xhci *xhci, xhci_done *done);
// Switches the ports of the script's device on and waits until they have power. All of them are
// then to be looked at.
void usb_hub_power(struct xhci *xhci, xhci_done *done);

// Takes a report: a bit for each port that has changed (USB 2.0 11.12.4).
void usb_hub_take_report(struct usb_device *hub, const uint8_t *report, size_t length);
