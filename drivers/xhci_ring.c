// SPDX-License-Identifier: MIT
// TRB rings: the cycle bit says which TRBs the controller may take.
#include "drivers/xhci_ring.h"

#include "vmm/util/string.h"

void xhci_ring_init(struct xhci_ring *ring, struct xhci_trb *trbs, uint64_t physical,
                    unsigned count)
{
    *ring = (struct xhci_ring){.trbs = trbs, .physical = physical, .count = count, .cycle = true};
    memset(trbs, 0, count * sizeof(*trbs));
    trbs[count - 1].parameter = physical;
}

// The TRB is the controller's from the write of its cycle bit on, so that comes last.
static void give(struct xhci_trb *trb, uint32_t control, bool cycle)
{
    __atomic_store_n(&trb->control, control | (cycle ? XHCI_CYCLE : 0), __ATOMIC_RELEASE);
}

uint64_t xhci_ring_put(struct xhci_ring *ring, struct xhci_trb trb)
{
    struct xhci_trb *to = &ring->trbs[ring->enqueue];
    uint64_t at = ring->physical + ring->enqueue * sizeof(*to);
    to->parameter = trb.parameter;
    to->status = trb.status;
    give(to, trb.control, ring->cycle);
    if (++ring->enqueue == ring->count - 1) {
        give(&ring->trbs[ring->enqueue],
             XHCI_LINK << XHCI_TRB_TYPE_SHIFT | (uint32_t)XHCI_TOGGLE_CYCLE, ring->cycle);
        ring->enqueue = 0;
        ring->cycle = !ring->cycle;
    }
    return at;
}

bool xhci_ring_has(const struct xhci_ring *ring, uint64_t at, unsigned *index)
{
    uint64_t offset = at - ring->physical;
    *index = (unsigned)(offset / sizeof(*ring->trbs));
    return offset % sizeof(*ring->trbs) == 0 && offset / sizeof(*ring->trbs) < ring->count - 1;
}
