// SPDX-License-Identifier: MIT
// A controller's share of CPU 0.
#pragma once

#include "vmm/util/types.h"

struct xhci;

// Does what is to be done now. Each call ends soon, whatever the controller and the devices do.
void xhci_poll(struct xhci *xhci);
// Whether it waits for something that should not take long.
bool xhci_is_busy(const struct xhci *xhci);
// How many keyboards work at it.
unsigned xhci_keyboards(const struct xhci *xhci);
