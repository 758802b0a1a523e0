// SPDX-License-Identifier: MIT
// A driver for the tests of virtio devices: memory of a VM, queues in it, and what the device does
// to its outputs.
#pragma once

#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/util/types.h"

#define DRIVER_RAM_BYTES (1 * MIB)
#define DRIVER_ENTRIES 8
#define DRIVER_VECTORS 4

// RAM begins at gpa 0. Each queue has its places at a multiple of DRIVER_QUEUE_BYTES. From
// DRIVER_BUFFERS on all is the test's.
#define DRIVER_QUEUE_BYTES 0x8000ULL
#define DRIVER_DESCRIPTORS(queue) ((queue)*DRIVER_QUEUE_BYTES)
#define DRIVER_AVAILABLE(queue) (DRIVER_DESCRIPTORS(queue) + 0x1000)
#define DRIVER_USED(queue) (DRIVER_DESCRIPTORS(queue) + 0x2000)
#define DRIVER_INDIRECT(queue) (DRIVER_DESCRIPTORS(queue) + 0x4000)
#define DRIVER_BUFFERS 0x80000ULL

// Offsets of registers and bits of descriptors (virtio 1.2, 4.1.4.3 and 2.7.5).
enum {
    REG_DEVICE_FEATURE_SELECT = 0,
    REG_DEVICE_FEATURE = 4,
    REG_DRIVER_FEATURE_SELECT = 8,
    REG_DRIVER_FEATURE = 12,
    REG_CONFIG_VECTOR = 16,
    REG_NUM_QUEUES = 18,
    REG_STATUS = 20,
    REG_GENERATION = 21,
    REG_QUEUE_SELECT = 22,
    REG_QUEUE_SIZE = 24,
    REG_QUEUE_VECTOR = 26,
    REG_QUEUE_ENABLE = 28,
    REG_QUEUE_NOTIFY_OFF = 30,
    REG_QUEUE_DESC = 32,
    REG_QUEUE_DRIVER = 40,
    REG_QUEUE_DEVICE = 48,
};
enum { SEGMENT_NEXT = 1, SEGMENT_WRITE = 2, SEGMENT_INDIRECT = 4 };

struct driver_segment {
    uint64_t gpa;
    uint32_t bytes;
    uint16_t flags; // SEGMENT_WRITE; the driver adds SEGMENT_NEXT
};

struct driver_used {
    uint32_t head;
    uint32_t bytes;
};

struct driver {
    struct virtio_memory memory;
    struct virtio_output output;
    struct virtio_device *device;
    unsigned queue_interrupts;
    unsigned config_interrupts;
    uint16_t vector; // of the last interrupt
    unsigned wanted; // calls of work_wanted
    uint16_t free;   // the next descriptor to use
};

extern struct driver driver;
extern uint8_t driver_ram[DRIVER_RAM_BYTES];

// Clears the memory and all counts.
void driver_set_up(void);

// Connects the device, negotiates `features` beside VERSION_1, enables all queues with
// DRIVER_ENTRIES entries and the vector of their number, and sets DRIVER_OK.
void driver_start(struct virtio_device *device, uint64_t features);

// The steps of that, for tests of the steps.
void driver_negotiate(struct virtio_device *device, uint64_t features);
void driver_enable_queue(unsigned queue, unsigned entries);

uint64_t driver_read(unsigned offset, unsigned width);
void driver_write(unsigned offset, unsigned width, uint64_t value);

void driver_put16(uint64_t gpa, uint16_t value);
uint16_t driver_get16(uint64_t gpa);

// Writes one descriptor of a table.
void driver_describe(uint64_t table, unsigned index, struct driver_segment segment, unsigned flags,
                     unsigned next);

// Puts a chain at the next free descriptors and makes it available. Returns its head.
uint16_t driver_add(unsigned queue, const struct driver_segment *segments, unsigned count);
// The same as one indirect descriptor.
uint16_t driver_add_indirect(unsigned queue, const struct driver_segment *segments, unsigned count);
// Makes any head available.
void driver_offer(unsigned queue, uint16_t head);

unsigned driver_used_index(unsigned queue);
struct driver_used driver_used_at(unsigned queue, unsigned index);

// Notifies the device and lets it work until nothing is left.
void driver_kick(unsigned queue);
