// SPDX-License-Identifier: MIT
// A ring of TRBs that Husk fills and the controller empties (xHCI 1.2, 4.9). Pure.
#pragma once

#include "drivers/xhci_registers.h" // IWYU pragma: export
#include "vmm/util/types.h"

struct xhci_ring {
    struct xhci_trb *trbs;
    uint64_t physical; // of the first
    unsigned count;    // the last one is a Link TRB to the first
    unsigned enqueue;  // where the next one goes
    bool cycle;        // the cycle bit that it gets
};

// Empties the ring. `physical` is the address of `trbs`; the ring lies within 64 KiB of it.
void xhci_ring_init(struct xhci_ring *ring, struct xhci_trb *trbs, uint64_t physical,
                    unsigned count);
// Puts a TRB in, whose cycle bit is clear. The caller sees to it that there is room. Returns the
// TRB's physical address. The controller looks at it when its doorbell is rung.
uint64_t xhci_ring_put(struct xhci_ring *ring, struct xhci_trb trb);
// Whether the ring has a TRB at the physical address `at`. Gives its index.
bool xhci_ring_has(const struct xhci_ring *ring, uint64_t at, unsigned *index);
