// SPDX-License-Identifier: MIT
// Finds out what a controller is like, and gives it memory.
#pragma once

#include "vmm/util/types.h"

struct reason;

struct key_ring;
struct pci_function;

bool xhci_is_controller(const struct pci_function *function);

// Maps the controller at a PCI function. All that its registers say is checked. It is not yet
// touched. What is typed on its keyboards goes into `typed`. NULL: it cannot be used; `why` says
// why.
struct xhci *xhci_open(const struct pci_function *function, struct key_ring *typed,
                       struct reason *why);
