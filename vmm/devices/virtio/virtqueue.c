// SPDX-License-Identifier: MIT
// Takes buffers out of a split virtqueue and gives them back. The driver may write to the rings at
// any time. So each value is read once, and checked before it is used.
#include "vmm/devices/virtio/virtqueue.h"

#include "vmm/devices/virtio/virtio_memory.h"

// Flags of descriptors (virtio 1.2, 2.7.5).
enum { DESCRIPTOR_NEXT = BIT(0), DESCRIPTOR_WRITE = BIT(1), DESCRIPTOR_INDIRECT = BIT(2) };

#define AVAILABLE_NO_INTERRUPT BIT(0) // 2.7.6
#define CHAIN_BYTES_MAX (4 * GIB)     // 2.7.5.2

// An indirect table has any alignment.
struct virtqueue_descriptor {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
} PACKED;
static_assert(sizeof(struct virtqueue_descriptor) == 16, "virtio 1.2, 2.7.5");

// Behind the ring of the available ring lies used_event, in the place of one more entry.
struct virtqueue_available {
    uint16_t flags;
    uint16_t index;
    uint16_t ring[];
};
static_assert(offsetof(struct virtqueue_available, ring) == 4, "virtio 1.2, 2.7.6");

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

void virtqueue_reset(struct virtqueue *queue)
{
    *queue = (struct virtqueue){.entries = VIRTQUEUE_ENTRIES_MAX};
}

bool virtqueue_open(struct virtqueue *queue, struct virtio_memory *memory,
                    struct virtqueue_rings *rings)
{
    // Each part with its event index, whether the driver accepted the feature or not (2.7).
    uint64_t entries = queue->entries;
    rings->descriptors =
        virtio_memory_at(memory, queue->descriptors, entries * sizeof(struct virtqueue_descriptor));
    rings->available = virtio_memory_at(memory, queue->available, 6 + 2 * entries);
    rings->used = virtio_memory_at(memory, queue->used, 6 + 8 * entries);
    queue->broken |= !rings->descriptors || !rings->available || !rings->used ||
                     !IS_ALIGNED(queue->descriptors, 16) || !IS_ALIGNED(queue->available, 2) ||
                     !IS_ALIGNED(queue->used, 4);
    return !queue->broken;
}

static struct virtqueue_descriptor load_descriptor(const struct virtqueue_descriptor *at)
{
    uint64_t rest = virtio_load64(&at->bytes);
    return (struct virtqueue_descriptor){virtio_load64(&at->gpa), (uint32_t)rest,
                                         (uint16_t)(rest >> 32), (uint16_t)(rest >> 48)};
}

// False: the order is wrong, there are too many, or the end of all addresses lies inside.
static bool add_segment(struct virtio_chain *chain, const struct virtqueue_descriptor *descriptor)
{
    uint64_t bytes = descriptor->bytes;
    if (bytes == 0) {
        return true;
    }
    if (chain->count == VIRTIO_CHAIN_SEGMENTS || descriptor->gpa + bytes < bytes) {
        return false;
    }
    if (descriptor->flags & DESCRIPTOR_WRITE) {
        chain->writable_bytes += bytes;
    } else if (chain->readable == chain->count) {
        chain->readable++;
        chain->readable_bytes += bytes;
    } else {
        return false;
    }
    chain->segments[chain->count++] = (struct virtio_segment){descriptor->gpa, bytes};
    return true;
}

// A table of descriptors: the queue's own, or an indirect one.
struct table {
    const struct virtqueue_descriptor *at;
    uint32_t entries;
    bool indirect;
};

// Goes on in the table that a descriptor names (2.7.5.3). It may not name another, and the
// descriptor is the last of its own table.
static bool enter_table(const struct virtqueue *queue, struct virtio_memory *memory,
                        const struct virtqueue_descriptor *descriptor, struct table *table)
{
    uint32_t bytes = descriptor->bytes;
    if (!queue->indirect || table->indirect || descriptor->flags & DESCRIPTOR_NEXT || bytes == 0 ||
        bytes % sizeof(*descriptor) != 0) {
        return false;
    }
    table->at = virtio_memory_at(memory, descriptor->gpa, bytes);
    table->entries = bytes / sizeof(*descriptor);
    table->indirect = true;
    return table->at;
}

// A chain without an end is found out by the number of its descriptors.
static bool walk(const struct virtqueue *queue, struct virtio_memory *memory,
                 const struct virtqueue_rings *rings, struct virtio_chain *chain)
{
    struct table table = {rings->descriptors, queue->entries, false};
    uint16_t index = chain->head;
    for (unsigned i = 0; i <= VIRTQUEUE_ENTRIES_MAX && index < table.entries; i++) {
        struct virtqueue_descriptor descriptor = load_descriptor(&table.at[index]);
        if (descriptor.flags & DESCRIPTOR_INDIRECT) {
            if (!enter_table(queue, memory, &descriptor, &table)) {
                return false;
            }
            index = 0;
            continue;
        }
        if (!add_segment(chain, &descriptor)) {
            return false;
        }
        if (!(descriptor.flags & DESCRIPTOR_NEXT)) {
            return chain->readable_bytes + chain->writable_bytes <= CHAIN_BYTES_MAX;
        }
        index = descriptor.next;
    }
    return false;
}

bool virtqueue_reread(struct virtqueue *queue, struct virtio_memory *memory,
                      const struct virtqueue_rings *rings, uint16_t head,
                      struct virtio_chain *chain)
{
    chain->head = head;
    chain->readable = 0;
    chain->count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    if (!walk(queue, memory, rings, chain)) {
        queue->broken = true;
    }
    return !queue->broken;
}

// How many buffers the driver has made available. If there is none, asks for a notification of the
// next, and then looks again: the driver may have added one before it could see that.
static uint16_t count_available(struct virtqueue *queue, const struct virtqueue_rings *rings)
{
    uint16_t next = queue->next_available;
    uint16_t index = __atomic_load_n(&rings->available->index, __ATOMIC_ACQUIRE);
    if (index == next && queue->event_index) {
        uint16_t *event = (uint16_t *)(void *)&rings->used->ring[queue->entries];
        __atomic_store_n(event, next, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        index = __atomic_load_n(&rings->available->index, __ATOMIC_ACQUIRE);
    }
    return (uint16_t)(index - next);
}

bool virtqueue_pop(struct virtqueue *queue, struct virtio_memory *memory,
                   const struct virtqueue_rings *rings, struct virtio_chain *chain)
{
    uint16_t available = count_available(queue, rings);
    if (available == 0) {
        return false;
    }
    if (available > queue->entries) {
        queue->broken = true;
        return false;
    }
    const uint16_t *entry = &rings->available->ring[queue->next_available & (queue->entries - 1)];
    queue->next_available++;
    return virtqueue_reread(queue, memory, rings, __atomic_load_n(entry, __ATOMIC_RELAXED), chain);
}

void virtqueue_push(struct virtqueue *queue, const struct virtqueue_rings *rings, uint16_t head,
                    uint32_t bytes)
{
    struct virtqueue_used_entry *entry =
        &rings->used->ring[queue->next_used & (queue->entries - 1)];
    __atomic_store_n(&entry->head, head, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->bytes, bytes, __ATOMIC_RELAXED);
    queue->next_used++;
    __atomic_store_n(&rings->used->index, queue->next_used, __ATOMIC_RELEASE);
}

bool virtqueue_wants_interrupt(struct virtqueue *queue, const struct virtqueue_rings *rings)
{
    const struct virtqueue_available *available = rings->available;
    uint16_t pushed = queue->next_used - queue->signalled;
    if (pushed == 0) {
        return false;
    }
    queue->signalled = queue->next_used;
    // The driver writes what it wants, and then looks for used buffers. So the device looks here
    // after it has shown the used buffers.
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!queue->event_index) {
        return !(__atomic_load_n(&available->flags, __ATOMIC_RELAXED) & AVAILABLE_NO_INTERRUPT);
    }
    uint16_t event = __atomic_load_n(&available->ring[queue->entries], __ATOMIC_RELAXED);
    // Whether the entry `event` is among those that were pushed (2.7.7.2).
    return (uint16_t)(queue->next_used - 1 - event) < pushed;
}
