// SPDX-License-Identifier: MIT
// The device's side of a split virtqueue (virtio 1.2, 2.7), with indirect descriptors and event
// indexes.
#pragma once

#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/util/types.h"

struct virtio_memory;

// The most entries of a queue. A chain has no more descriptors than its queue has entries
// (2.7.5.3.1).
#define VIRTQUEUE_ENTRIES_MAX VIRTIO_CHAIN_SEGMENTS

struct virtqueue {
    uint64_t descriptors; // guest-physical, as the driver wrote them
    uint64_t available;
    uint64_t used;
    uint16_t entries; // a power of two
    uint16_t vector;  // of MSI-X
    bool enabled;
    bool indirect;           // the driver accepted VIRTIO_F_INDIRECT_DESC
    bool event_index;        // the driver accepted VIRTIO_F_EVENT_IDX
    bool broken;             // the driver broke the format
    uint16_t next_available; // the next entry of the available ring to take
    uint16_t next_used;      // the next entry of the used ring to fill
    uint16_t signalled;      // next_used when virtqueue_wants_interrupt was asked last
};

struct virtqueue_used_entry {
    uint32_t head;
    uint32_t bytes;
};

// Behind the ring of the used ring lies avail_event: the first half of one more entry's `head`.
struct virtqueue_used {
    uint16_t flags;
    uint16_t index;
    struct virtqueue_used_entry ring[];
};
static_assert(offsetof(struct virtqueue_used, ring) == 4, "virtio 1.2, 2.7.8");

// The three parts of a queue in the VM's memory, valid until the end of the exit.
struct virtqueue_rings {
    const struct virtqueue_descriptor *descriptors;
    const struct virtqueue_available *available;
    struct virtqueue_used *used;
};

// Makes the queue one that is not set up.
void virtqueue_reset(struct virtqueue *queue);

// Finds the rings. False: they are not in RAM or not aligned, and the queue is broken.
bool virtqueue_open(struct virtqueue *queue, struct virtio_memory *memory,
                    struct virtqueue_rings *rings) MUST_CHECK;

// Takes the next buffer that the driver made available. False: there is none, or the queue is
// broken. If there is none, the driver is asked to notify the device of the next.
bool virtqueue_pop(struct virtqueue *queue, struct virtio_memory *memory,
                   const struct virtqueue_rings *rings, struct virtio_chain *chain) MUST_CHECK;

// Reads the descriptors of a buffer that was taken in an earlier exit. The driver may have changed
// them since. False: the queue is broken.
bool virtqueue_reread(struct virtqueue *queue, struct virtio_memory *memory,
                      const struct virtqueue_rings *rings, uint16_t head,
                      struct virtio_chain *chain) MUST_CHECK;

// Gives the buffer `head` back to the driver, with `bytes` written to it from its first writable
// byte on.
void virtqueue_push(struct virtqueue *queue, const struct virtqueue_rings *rings, uint16_t head,
                    uint32_t bytes);

// The two halves of that, for several buffers that the driver must see together. What was put is
// taken back, with as many buffers that were taken last, as long as it was not shown.
static inline void virtqueue_put(struct virtqueue *queue, const struct virtqueue_rings *rings,
                                 uint16_t head, uint32_t bytes)
{
    struct virtqueue_used_entry *entry =
        &rings->used->ring[queue->next_used & (queue->entries - 1)];
    __atomic_store_n(&entry->head, head, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->bytes, bytes, __ATOMIC_RELAXED);
    queue->next_used++;
}

static inline void virtqueue_show(struct virtqueue *queue, const struct virtqueue_rings *rings)
{
    __atomic_store_n(&rings->used->index, queue->next_used, __ATOMIC_RELEASE);
}

void virtqueue_take_back(struct virtqueue *queue, unsigned taken, unsigned put);

// Whether the driver wants an interrupt for what was pushed since the last question.
bool virtqueue_wants_interrupt(struct virtqueue *queue,
                               const struct virtqueue_rings *rings) MUST_CHECK;
