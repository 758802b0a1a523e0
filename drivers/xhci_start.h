// SPDX-License-Identifier: MIT
// A controller from the firmware's hands to its first event, and after an error the same again.
#pragma once

struct xhci;

// The controller is asked from the firmware.
void xhci_start(struct xhci *xhci);
// The controller starts: does the next step, if its time has come. Each call ends soon, whatever
// the controller does.
void xhci_continue_start(struct xhci *xhci);
// The controller runs and is broken: starts again, but not for ever.
void xhci_start_again(struct xhci *xhci);
// Lets the controller access memory no more.
void xhci_stop(struct xhci *xhci);
