// SPDX-License-Identifier: MIT
// What the controller is told of a device: the input context of its commands (xHCI 1.2, 6.2). Pure.
#pragma once

struct usb_device;

// The index of an endpoint in the device's contexts, and its doorbell (4.5.1).
#define XHCI_ENDPOINT_0 1
unsigned xhci_report_endpoint(const struct usb_device *device);

// Fill the controller's input context for a command: Address Device, Evaluate Context with another
// packet size of endpoint 0, and Configure Endpoint with the endpoint for reports.
void xhci_context_for_address(const struct usb_device *device);
void xhci_context_for_packet(const struct usb_device *device);
void xhci_context_for_interface(const struct usb_device *device);

// The state of an endpoint, as the controller keeps it.
unsigned xhci_context_state(const struct usb_device *device, unsigned endpoint);
