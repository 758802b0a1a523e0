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

void virtqueue_reset(struct virtqueue *queue)
{
    *queue = (struct virtqueue){.entries = VIRTQUEUE_ENTRIES_MAX};
}

bool virtqueue_open(struct virtqueue *queue, struct virtio_memory *memory,
                    struct virtqueue_rings *rings)
{
    // Each part with its event index, whether the driver accepted the feature or not (2.7).
    uint64_t entries = queue->entries;
    uint64_t askew = queue->descriptors % 16 | queue->available % 2 | queue->used % 4;
    void *descriptors =
        virtio_memory_at(memory, queue->descriptors, entries * sizeof(struct virtqueue_descriptor));
    void *available = virtio_memory_at(memory, queue->available, 6 + 2 * entries);
    void *used = virtio_memory_at(memory, queue->used, 6 + 8 * entries);
    *rings = (struct virtqueue_rings){descriptors, available, used};
    if (!descriptors || !available || !used || askew) {
        queue->broken = true;
    }
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

enum walk_end { WALK_BROKEN, WALK_END, WALK_TABLE };

// Reads descriptors of one table into the chain, from `index` on: to the end of the chain, or to a
// descriptor that names a table, which goes to `*named`. Until the end is reached, writable_bytes
// is the sum of all bytes. It is broken if the order is wrong, if there are too many, or if the end
// of all addresses lies in one. A chain without an end is found out by the number of descriptors.
static enum walk_end walk(const struct virtqueue_descriptor *table, unsigned entries,
                          unsigned index, struct virtio_chain *chain,
                          struct virtqueue_descriptor *named)
{
    unsigned count = chain->count;
    uint64_t bytes = chain->writable_bytes;
    for (unsigned left = VIRTQUEUE_ENTRIES_MAX + 1; left > 0 && index < entries; left--) {
        struct virtqueue_descriptor descriptor = load_descriptor(&table[index]);
        bool is_table = descriptor.flags & DESCRIPTOR_INDIRECT;
        if (!is_table && descriptor.bytes != 0) {
            if (count == VIRTIO_CHAIN_SEGMENTS ||
                descriptor.gpa + descriptor.bytes < descriptor.bytes) {
                return WALK_BROKEN;
            }
            chain->segments[count++] = (struct virtio_segment){descriptor.gpa, descriptor.bytes};
            bytes += descriptor.bytes;
            if (!(descriptor.flags & DESCRIPTOR_WRITE)) {
                if (++chain->readable != count) {
                    return WALK_BROKEN;
                }
                chain->readable_bytes = bytes;
            }
        }
        if (is_table || !(descriptor.flags & DESCRIPTOR_NEXT)) {
            chain->count = (uint16_t)count;
            chain->writable_bytes = bytes;
            *named = descriptor;
            return is_table ? WALK_TABLE : WALK_END;
        }
        index = descriptor.next;
    }
    return WALK_BROKEN;
}

// Reads the chain whose first descriptor is `first`. NOT_INLINE: most buffers of a network device
// are a single descriptor.
static NOT_INLINE bool read_chain(struct virtqueue *queue, struct virtio_memory *memory,
                                  const struct virtqueue_descriptor *table,
                                  struct virtqueue_descriptor first, struct virtio_chain *chain)
{
    enum walk_end end = WALK_TABLE;
    chain->readable = 0;
    chain->count = 0;
    chain->readable_bytes = 0;
    chain->writable_bytes = 0;
    if (!(first.flags & DESCRIPTOR_INDIRECT)) {
        end = walk(table, queue->entries, chain->head, chain, &first);
    }
    if (end == WALK_TABLE) {
        table = find_table(queue, memory, first);
        end = table ? walk(table, first.bytes / sizeof(first), 0, chain, &first) : WALK_BROKEN;
    }
    if (end != WALK_END || chain->writable_bytes > CHAIN_BYTES_MAX) {
        queue->broken = true;
        return false;
    }
    chain->writable_bytes -= chain->readable_bytes;
    return true;
}

bool virtqueue_reread(struct virtqueue *queue, struct virtio_memory *memory,
                      const struct virtqueue_rings *rings, uint16_t head,
                      struct virtio_chain *chain)
{
    chain->head = head;
    if (head >= queue->entries) {
        queue->broken = true;
        return false;
    }
    struct virtqueue_descriptor first = load_descriptor(&rings->descriptors[head]);
    uint64_t bytes = first.bytes;
    bool writable = first.flags & DESCRIPTOR_WRITE;
    if (first.flags & (DESCRIPTOR_NEXT | DESCRIPTOR_INDIRECT) || bytes == 0 ||
        first.gpa + bytes < bytes) {
        return read_chain(queue, memory, rings->descriptors, first, chain);
    }
    chain->readable = writable ? 0 : 1;
    chain->count = 1;
    chain->readable_bytes = writable ? 0 : bytes;
    chain->writable_bytes = writable ? bytes : 0;
    chain->segments[0] = (struct virtio_segment){first.gpa, bytes};
    return true;
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
