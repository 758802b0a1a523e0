// SPDX-License-Identifier: MIT
// Reads and writes the registers of an xHCI controller. Host tests have a controller of their own
// behind these two functions.
#pragma once

#include "vmm/util/types.h"

struct xhci;

// `offset` is from the start of the capability registers; the caller has checked it.
uint32_t xhci_read(const struct xhci *xhci, uint32_t offset);
void xhci_write(const struct xhci *xhci, uint32_t offset, uint32_t value);
