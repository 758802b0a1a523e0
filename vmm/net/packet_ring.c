// SPDX-License-Identifier: MIT
// A ring of frames. No frame runs over the end of the memory: what is too short there is left out.
#include "vmm/net/packet_ring.h"

#include "vmm/devices/virtio/net_port.h"

enum { PLACE_RESERVED, PLACE_FILLED, PLACE_PASSED_OVER };

struct place {
    uint32_t span; // bytes to the next place
    uint32_t state;
    struct net_frame frame;
};
static_assert(sizeof(struct place) == PACKET_RING_HEADER, "packet_ring_span counts it");
static_assert(sizeof(struct place) == PACKET_RING_ALIGNMENT, "any rest of the memory holds one");

static struct place *place_at(const struct packet_ring *ring, uint32_t position)
{
    return (struct place *)(void *)(ring->at + (position & (ring->bytes - 1)));
}

void packet_ring_init(struct packet_ring *ring, void *at, uint32_t bytes)
{
    *ring = (struct packet_ring){.at = at, .bytes = bytes};
}

static struct place *begin_place(const struct packet_ring *ring, uint32_t position, uint32_t span,
                                 uint32_t state)
{
    struct place *place = place_at(ring, position);
    place->span = span;
    __atomic_store_n(&place->state, state, __ATOMIC_RELAXED);
    return place;
}

struct net_frame *packet_ring_reserve(struct packet_ring *ring, uint32_t bytes, uint32_t held)
{
    uint32_t span = packet_ring_span(bytes);
    uint32_t tail = ring->tail;
    uint32_t room = ring->bytes - (tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE));
    uint32_t to_end = ring->bytes - (tail & (ring->bytes - 1));
    uint32_t skipped = span > to_end ? to_end : 0;
    if (span > ring->bytes || span + MAX(skipped, held) > room) {
        return NULL;
    }
    if (skipped) {
        begin_place(ring, tail, skipped, PLACE_PASSED_OVER);
        tail += skipped;
    }
    struct place *place = begin_place(ring, tail, span, PLACE_RESERVED);
    place->frame.bytes = bytes;
    __atomic_store_n(&ring->tail, tail + span, __ATOMIC_RELEASE);
    return &place->frame;
}

bool packet_ring_commit(struct packet_ring *ring, struct net_frame *frame, bool good)
{
    struct place *place = container_of(frame, struct place, frame);
    // Sequentially consistent, as in packet_ring_next: either this sees that the receiver sleeps,
    // or the receiver sees the frame.
    __atomic_store_n(&place->state, good ? PLACE_FILLED : PLACE_PASSED_OVER, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&ring->asleep, __ATOMIC_SEQ_CST) &&
           __atomic_exchange_n(&ring->asleep, 0, __ATOMIC_SEQ_CST);
}

// The first place that is filled. Frees those that are to be passed over.
static inline struct place *find_filled(struct packet_ring *ring)
{
    uint32_t head = ring->head;
    while (head != __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE)) {
        struct place *place = place_at(ring, head);
        switch (__atomic_load_n(&place->state, __ATOMIC_SEQ_CST)) {
        case PLACE_FILLED:
            return place;
        case PLACE_PASSED_OVER:
            head += place->span;
            __atomic_store_n(&ring->head, head, __ATOMIC_RELEASE);
            break;
        default:
            return NULL;
        }
    }
    return NULL;
}

struct net_frame *packet_ring_next(struct packet_ring *ring)
{
    struct place *place = find_filled(ring);
    if (!place) {
        __atomic_store_n(&ring->asleep, 1, __ATOMIC_SEQ_CST);
        place = find_filled(ring);
    }
    return place ? &place->frame : NULL;
}

void packet_ring_release(struct packet_ring *ring)
{
    const struct place *place = place_at(ring, ring->head);
    __atomic_store_n(&ring->head, ring->head + place->span, __ATOMIC_RELEASE);
}
