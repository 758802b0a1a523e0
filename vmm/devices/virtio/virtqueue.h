// SPDX-License-Identifier: MIT
// The device's side of a split virtqueue (virtio 1.2, 2.7), with indirect descriptors and event
// indexes.
#pragma once

#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/util/types.h"

// The most entries that a queue may have here. A chain has no more descriptors than its queue has
// entries (2.7.5.3.1), so this is also the most segments of a chain.
#define VIRTQUEUE_ENTRIES_MAX 128

struct virtqueue {
    uint64_t descriptors; // guest-physical, as the driver wrote them
    uint64_t available;
    uint64_t used;
    uint16_t entries; // a power of two
    uint16_t vector;  // of MSI-X
    bool enabled;
    bool indirect;           // the driver accepted VIRTIO_F_INDIRECT_DESC
    bool event_index;        // the driver accepted VIRTIO_F_EVENT_IDX
    bool broken;             // the driver broke the format; nothing is done until the reset
    uint16_t next_available; // the next entry of the available ring to take
    uint16_t next_used;      // the next entry of the used ring to fill
    uint16_t signalled;      // next_used when virtqueue_wants_interrupt was asked last
};

// The three parts of a queue in the VM's memory, valid until the end of the exit.
struct virtqueue_rings {
    const struct virtqueue_descriptor *descriptors;
    const struct virtqueue_available *available;
    struct virtqueue_used *used;
};

struct virtio_segment {
    uint64_t gpa;
    uint64_t bytes;
};

// A buffer of the driver, copied out of the descriptors: first what the device reads, then what it
// writes. The places were checked for their order, not yet for being RAM.
struct virtio_chain {
    uint16_t head;           // names the buffer in the used ring
    uint16_t readable;       // segments that the device reads
    uint16_t count;          // all segments
    uint64_t readable_bytes; // sums, at most 4 GiB together
    uint64_t writable_bytes;
    struct virtio_segment segments[VIRTQUEUE_ENTRIES_MAX];
};

// A place in a chain. It stays right from one exit to the next, for as long as the chain is kept.
struct virtio_cursor {
    uint16_t segment;
    uint16_t end; // the first segment that it does not reach
    uint64_t offset;
};

// Makes the queue one that is not set up, with `entries` entries.
void virtqueue_reset(struct virtqueue *queue, unsigned entries);

// Finds the rings. False: they are not in RAM or not aligned, and the queue is broken.
bool virtqueue_open(struct virtqueue *queue, struct virtio_memory *memory,
                    struct virtqueue_rings *rings) MUST_CHECK;

// Takes the next buffer that the driver made available. False: there is none, or the queue is
// broken. Where there is none, the driver is asked to notify the device of the next.
bool virtqueue_pop(struct virtqueue *queue, struct virtio_memory *memory,
                   const struct virtqueue_rings *rings, struct virtio_chain *chain) MUST_CHECK;

// Gives the buffer `head` back to the driver, with `bytes` written to it from its first writable
// byte on.
void virtqueue_push(struct virtqueue *queue, const struct virtqueue_rings *rings, uint16_t head,
                    uint32_t bytes);

// Whether the driver wants an interrupt for what was pushed since the last question.
bool virtqueue_wants_interrupt(struct virtqueue *queue,
                               const struct virtqueue_rings *rings) MUST_CHECK;

// The first byte that the device reads, or writes.
static inline struct virtio_cursor virtio_chain_readable(const struct virtio_chain *chain)
{
    return (struct virtio_cursor){0, chain->readable, 0};
}

static inline struct virtio_cursor virtio_chain_writable(const struct virtio_chain *chain)
{
    return (struct virtio_cursor){chain->readable, chain->count, 0};
}

// The longest piece at the cursor that is in one segment, at most `*bytes`: a pointer that is valid
// until the end of the exit. Sets `*bytes` to its length and moves the cursor behind it. NULL: the
// chain has no more bytes, or the place is not RAM.
void *virtio_chain_piece(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                         struct virtio_memory *memory, uint64_t *bytes);

// Moves the cursor on without touching the memory. It may then be at the end.
void virtio_chain_skip(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       uint64_t bytes);

// Copies out of a chain, or into it, and moves the cursor. False: the chain has less than `bytes`
// there, or a place is not RAM. What was copied before stays copied.
bool virtio_chain_read(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       struct virtio_memory *memory, void *to, uint64_t bytes) MUST_CHECK;
bool virtio_chain_write(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                        struct virtio_memory *memory, const void *from, uint64_t bytes) MUST_CHECK;
