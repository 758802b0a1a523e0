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

// The table that a descriptor names (2.7.5.3), which is the last of its own table. NULL: it may not
// name one, or the table is not RAM.
static const struct virtqueue_descriptor *find_table(const struct virtqueue *queue,
                                                     struct virtio_memory *memory,
                                                     struct virtqueue_descriptor named)
{
    if (!queue->indirect || named.flags & DESCRIPTOR_NEXT || named.bytes == 0 ||
        named.bytes % sizeof(named) != 0) {
        return NULL;
    }
    return virtio_memory_at(memory, named.gpa, named.bytes);
}

// What is known of a chain while it is read.
struct tally {
    unsigned count; // segments
    unsigned readable;
    uint64_t readable_bytes;
    uint64_t bytes; // of all
};

// Adds a descriptor to the chain. False: the order is wrong, there are too many, or the end of all
// addresses lies inside.
static inline bool add_segment(struct tally *tally, struct virtio_segment *segments, uint64_t gpa,
                               uint64_t bytes, bool writable)
{
    if (bytes == 0) {
        return true;
    }
    if (tally->count == VIRTIO_CHAIN_SEGMENTS || gpa + bytes < bytes) {
        return false;
    }
    segments[tally->count].gpa = gpa;
    segments[tally->count].bytes = bytes;
    tally->bytes += bytes;
    if (!writable) {
        if (tally->readable != tally->count) {
            return false;
        }
        tally->readable++;
        tally->readable_bytes += bytes;
    }
    tally->count++;
    return true;
}

// Reads the descriptors from `index` on. A chain without an end is found out by their number.
static bool walk(const struct virtqueue *queue, struct virtio_memory *memory,
                 const struct virtqueue_descriptor *table, unsigned index, struct tally *tally,
                 struct virtio_segment *segments)
{
    unsigned entries = queue->entries;
    bool indirect = false;
    for (unsigned left = VIRTQUEUE_ENTRIES_MAX + 1; left > 0 && index < entries; left--) {
        struct virtqueue_descriptor descriptor = load_descriptor(&table[index]);
        if (descriptor.flags & DESCRIPTOR_INDIRECT) {
            table = indirect ? NULL : find_table(queue, memory, descriptor);
            if (!table) {
                return false;
            }
            entries = descriptor.bytes / sizeof(descriptor);
            index = 0;
            indirect = true;
            continue;
        }
        if (!add_segment(tally, segments, descriptor.gpa, descriptor.bytes,
                         descriptor.flags & DESCRIPTOR_WRITE)) {
            return false;
        }
        if (!(descriptor.flags & DESCRIPTOR_NEXT)) {
            return tally->bytes <= CHAIN_BYTES_MAX;
        }
        index = descriptor.next;
    }
    return false;
}

// NOT_INLINE: most buffers of a network device are a single descriptor.
static NOT_INLINE bool read_chain(struct virtqueue *queue, struct virtio_memory *memory,
                                  const struct virtqueue_descriptor *table,
                                  struct virtio_chain *chain)
{
    struct tally tally = {0};
    if (!walk(queue, memory, table, chain->head, &tally, chain->segments)) {
        queue->broken = true;
        return false;
    }
    chain->readable = (uint16_t)tally.readable;
    chain->count = (uint16_t)tally.count;
    chain->readable_bytes = tally.readable_bytes;
    chain->writable_bytes = tally.bytes - tally.readable_bytes;
    return true;
}

bool virtqueue_reread(struct virtqueue *queue, struct virtio_memory *memory,
                      const struct virtqueue_rings *rings, uint16_t head,
                      struct virtio_chain *chain)
{
    chain->head = head;
    if (head < queue->entries) {
        struct virtqueue_descriptor only = load_descriptor(&rings->descriptors[head]);
        uint64_t bytes = only.bytes;
        bool writable = only.flags & DESCRIPTOR_WRITE;
        if (!(only.flags & (DESCRIPTOR_NEXT | DESCRIPTOR_INDIRECT)) && bytes != 0 &&
            only.gpa + bytes >= bytes) {
            chain->readable = writable ? 0 : 1;
            chain->count = 1;
            chain->readable_bytes = writable ? 0 : bytes;
            chain->writable_bytes = writable ? bytes : 0;
            chain->segments[0] = (struct virtio_segment){only.gpa, bytes};
            return true;
        }
    }
    return read_chain(queue, memory, rings->descriptors, chain);
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

void virtqueue_put(struct virtqueue *queue, const struct virtqueue_rings *rings, uint16_t head,
                   uint32_t bytes)
{
    struct virtqueue_used_entry *entry =
        &rings->used->ring[queue->next_used & (queue->entries - 1)];
    __atomic_store_n(&entry->head, head, __ATOMIC_RELAXED);
    __atomic_store_n(&entry->bytes, bytes, __ATOMIC_RELAXED);
    queue->next_used++;
}

void virtqueue_show(struct virtqueue *queue, const struct virtqueue_rings *rings)
{
    __atomic_store_n(&rings->used->index, queue->next_used, __ATOMIC_RELEASE);
}

void virtqueue_take_back(struct virtqueue *queue, unsigned taken, unsigned put)
{
    queue->next_available -= (uint16_t)taken;
    queue->next_used -= (uint16_t)put;
}

void virtqueue_push(struct virtqueue *queue, const struct virtqueue_rings *rings, uint16_t head,
                    uint32_t bytes)
{
    virtqueue_put(queue, rings, head, bytes);
    virtqueue_show(queue, rings);
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
