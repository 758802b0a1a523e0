// SPDX-License-Identifier: MIT
// The devices of a controller: how they come into being and go.
#pragma once

#include "drivers/usb.h"
#include "drivers/xhci.h"
#include "vmm/util/types.h"

// Makes the device at the script's place, which has been given a slot. NULL: there are no frames,
// or the controller has given a slot that it cannot have.
struct usb_device *usb_device_create(struct xhci *xhci, uint8_t slot, enum usb_speed speed);

// The device at a place; NULL: there is none.
struct usb_device *usb_device_at(struct xhci *xhci, struct usb_place place);
// The place has lost its device: that device and all behind it are gone, and their keys are up.
void usb_device_mark_gone(struct usb_device *device);

// Takes the slot of the script's device away, and gives its memory back.
void usb_device_release(struct xhci *xhci, xhci_done *done);
// The controller has been reset: gives the memory of all devices back.
void usb_device_forget_all(struct xhci *xhci);

// Logs a sentence about the script's place: "1.4" is port 4 of the hub at root port 1.
void usb_place_log(const struct xhci *xhci, const char *text);
