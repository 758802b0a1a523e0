// SPDX-License-Identifier: MIT
// Registers of 32 bits in device memory (xHCI 1.2, 5).
#include "drivers/xhci_access.h"

#include "drivers/xhci.h"

uint32_t xhci_read(const struct xhci *xhci, uint32_t offset)
{
    return *(volatile uint32_t *)(xhci->registers + offset);
}

void xhci_write(const struct xhci *xhci, uint32_t offset, uint32_t value)
{
    *(volatile uint32_t *)(xhci->registers + offset) = value;
}
