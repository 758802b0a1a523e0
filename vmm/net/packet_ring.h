// SPDX-License-Identifier: MIT
// Frames on their way to one receiver: a ring of memory that belongs to Husk. Senders reserve a
// place one after the other, and fill it at the same time. The receiver takes the frames in the
// order in which the places were reserved.
#pragma once

#include "vmm/util/types.h"

struct net_frame;

#define PACKET_RING_ALIGNMENT 32
#define PACKET_RING_HEADER 32

struct packet_ring {
    uint8_t *at;
    uint32_t bytes;
    uint32_t head;   // the receiver's; counts bytes and wraps
    uint32_t tail;   // the senders'
    uint32_t asleep; // the receiver found nothing and wants to be woken
};

// `at` is aligned to PACKET_RING_ALIGNMENT; `bytes` is a power of two.
void packet_ring_init(struct packet_ring *ring, void *at, uint32_t bytes);

// What a frame of `bytes` bytes takes of the ring, with its header.
static inline uint32_t packet_ring_span(uint32_t bytes)
{
    return (uint32_t)ALIGN_UP(PACKET_RING_HEADER + bytes, PACKET_RING_ALIGNMENT);
}

// A place for a frame of `bytes` bytes. NULL: the ring has no room for it and `held` bytes more.
// Only one sender may ask at a time.
struct net_frame *packet_ring_reserve(struct packet_ring *ring, uint32_t bytes, uint32_t held);

// The place is filled, or (`good` is false) is to be passed over. Returns whether the receiver must
// be woken.
bool packet_ring_commit(struct packet_ring *ring, struct net_frame *frame, bool good) MUST_CHECK;

// The first frame. NULL: there is none yet, and the sender of the next is told to wake the
// receiver.
struct net_frame *packet_ring_next(struct packet_ring *ring);

// Frees the place of the frame that packet_ring_next gave last.
void packet_ring_release(struct packet_ring *ring);
