// SPDX-License-Identifier: MIT
// The devices of a controller that runs: what is to be done next.
#pragma once

struct xhci;

// The controller has no script: begins one if there is a reason. The first reason counts: a device
// that is gone, an endpoint that has stopped, lights, a port that has changed.
void usb_bus_begin_script(struct xhci *xhci);

// Lets the keys repeat that are held.
void usb_bus_repeat_keys(struct xhci *xhci);
