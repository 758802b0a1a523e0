// SPDX-License-Identifier: MIT
// A driver's side of a virtio device over PCI (virtio 1.2, chapters 2 to 4), of whatever kind.
#pragma once

#include "guests/lib/port.h"
#include "vmm/util/types.h"

#define VIRTIO_ENTRIES_MAX 128
#define VIRTIO_NO_VECTOR 0xffff

// Device types (chapter 5).
enum { VIRTIO_NETWORK = 1, VIRTIO_BLOCK = 2, VIRTIO_ENTROPY = 4 };

// The registers of virtio_pci_common_cfg (4.1.4.3).
enum virtio_register {
    VIRTIO_DEVICE_FEATURE_SELECT = 0,
    VIRTIO_DEVICE_FEATURE = 4,
    VIRTIO_DRIVER_FEATURE_SELECT = 8,
    VIRTIO_DRIVER_FEATURE = 12,
    VIRTIO_CONFIG_VECTOR = 16,
    VIRTIO_QUEUES = 18,
    VIRTIO_STATUS = 20,
    VIRTIO_QUEUE_SELECT = 22,
    VIRTIO_QUEUE_SIZE = 24,
    VIRTIO_QUEUE_VECTOR = 26,
    VIRTIO_QUEUE_ENABLE = 28,
    VIRTIO_QUEUE_DESCRIPTORS = 32,
    VIRTIO_QUEUE_AVAILABLE = 40,
    VIRTIO_QUEUE_USED = 48,
};

// Bits of the status (2.1).
enum {
    VIRTIO_ACKNOWLEDGE = 1,
    VIRTIO_DRIVER = 2,
    VIRTIO_DRIVER_OK = 4,
    VIRTIO_FEATURES_OK = 8,
    VIRTIO_NEEDS_RESET = 64,
};

#define VIRTIO_F_INDIRECT BIT(28)
#define VIRTIO_F_EVENT_INDEX BIT(29)
#define VIRTIO_F_VERSION_1 BIT(32)

enum { VIRTIO_NEXT = 1, VIRTIO_WRITE = 2, VIRTIO_INDIRECT = 4 };

struct virtio_descriptor {
    uint64_t address;
    uint32_t bytes;
    uint16_t flags;
    uint16_t next;
};
static_assert(sizeof(struct virtio_descriptor) == 16, "virtio 1.2, 2.7.5");

struct virtio_used {
    uint32_t head;
    uint32_t bytes;
};

// A split queue (2.7). Behind `entries` entries each ring has an event index.
struct virtio_queue {
    alignas(16) struct virtio_descriptor descriptors[VIRTIO_ENTRIES_MAX];
    alignas(2) struct {
        uint16_t flags;
        volatile uint16_t index;
        volatile uint16_t ring[VIRTIO_ENTRIES_MAX + 1];
    } available;
    alignas(4) struct {
        uint16_t flags;
        volatile uint16_t index;
        volatile struct virtio_used ring[VIRTIO_ENTRIES_MAX];
        volatile uint16_t event;
    } used;
    uint16_t entries;
};

// A device, and the addresses of what its capabilities name.
struct virtio {
    unsigned slot;
    uint64_t common;
    uint64_t notify; // in memory
    uint64_t isr;
    uint64_t config; // 0: it has none
    uint16_t notify_port;
    unsigned notify_step; // from one queue's address to the next one's, in memory
    unsigned notify_port_step;
};

// Finds the first device of that type, or the `nth` after it, and what it names; makes it a bus
// master. False: there is none.
bool virtio_find(struct virtio *virtio, unsigned type, unsigned nth);

// Resets the device and accepts these features. False: it refuses them.
bool virtio_begin(const struct virtio *virtio, uint64_t features);

// Tells the device where queue `index` is, and enables it. The queue becomes empty. `entries` is a
// power of two. False: the device refuses the vector.
bool virtio_set_queue(const struct virtio *virtio, unsigned index, struct virtio_queue *queue,
                      uint16_t entries, uint16_t vector);

// The device may begin to work.
void virtio_run(const struct virtio *virtio);

// Makes the buffer with that head available. Does not notify.
void virtio_offer(struct virtio_queue *queue, uint16_t head);

// Asks for an interrupt when `more` buffers from now on are used (2.7.7).
void virtio_interrupt_after(struct virtio_queue *queue, uint16_t more);

static inline void virtio_notify(const struct virtio *virtio, unsigned index)
{
    out16((uint16_t)(virtio->notify_port + index * virtio->notify_port_step), (uint16_t)index);
}

static inline void virtio_notify_memory(const struct virtio *virtio, unsigned index)
{
    *(volatile uint16_t *)(uintptr_t)(virtio->notify + (uint64_t)index * virtio->notify_step) =
        (uint16_t)index;
}

static inline volatile uint8_t *virtio_reg8(const struct virtio *virtio, unsigned offset)
{
    return (volatile uint8_t *)(uintptr_t)(virtio->common + offset);
}

static inline volatile uint16_t *virtio_reg16(const struct virtio *virtio, unsigned offset)
{
    return (volatile uint16_t *)(uintptr_t)(virtio->common + offset);
}

static inline volatile uint32_t *virtio_reg32(const struct virtio *virtio, unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(virtio->common + offset);
}

// Sets a place of the selected queue: VIRTIO_QUEUE_DESCRIPTORS and so on.
void virtio_set_place(const struct virtio *virtio, unsigned offset, uint64_t address);
