// SPDX-License-Identifier: MIT
// Takes the controller's events: ends operations, notes changed ports, passes reports on.
#pragma once

struct usb_device;
struct xhci;

// Takes the events that are there, at most a fixed number of them.
void xhci_take_events(struct xhci *xhci);

// Waits for reports of a device whose endpoint has just been configured or restarted.
void xhci_expect_reports(struct usb_device *device);
