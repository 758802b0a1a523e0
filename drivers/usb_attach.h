// SPDX-License-Identifier: MIT
// The script that makes a keyboard or a hub of what is plugged into a port.
#pragma once

struct xhci;

// A device is connected to the script's place, and Husk does not know it yet. Other devices than
// keyboards and hubs are left alone, and so is one that fails three times, until they are
// unplugged.
void usb_attach(struct xhci *xhci);
