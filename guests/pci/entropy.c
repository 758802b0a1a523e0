// SPDX-License-Identifier: MIT
// A driver for the virtio entropy device.
#include "guests/pci/entropy.h"

#include "guests/lib/memory.h"
#include "guests/lib/virtio.h"

#define ENTRIES 8
#define BUFFER_BYTES 64

static struct virtio device;
static struct virtio_queue queue;
static uint8_t buffer[BUFFER_BYTES];

unsigned entropy_find(void)
{
    return virtio_find(&device, VIRTIO_ENTROPY, 0) ? device.slot : 0;
}

bool entropy_start(uint16_t vector)
{
    if (!virtio_begin(&device, VIRTIO_F_VERSION_1) ||
        !virtio_set_queue(&device, 0, &queue, ENTRIES, vector)) {
        return false;
    }
    virtio_run(&device);
    return true;
}

void entropy_ask(bool by_port)
{
    memset(buffer, 0, sizeof(buffer));
    queue.descriptors[0] = (struct virtio_descriptor){
        .address = (uintptr_t)buffer, .bytes = sizeof(buffer), .flags = VIRTIO_WRITE};
    virtio_offer(&queue, 0);
    if (by_port) {
        virtio_notify(&device, 0);
    } else {
        virtio_notify_memory(&device, 0);
    }
}

// 64 random bytes with fewer than 16 different ones would be less likely than anything else here.
static bool looks_random(void)
{
    bool seen[256] = {false};
    unsigned different = 0;
    for (unsigned i = 0; i < sizeof(buffer); i++) {
        different += !seen[buffer[i]];
        seen[buffer[i]] = true;
    }
    return different >= 16;
}

unsigned entropy_bytes(void)
{
    unsigned bytes = 0;
    for (unsigned i = 0; i < queue.used.index; i++) {
        bytes += queue.used.ring[i % ENTRIES].bytes;
    }
    return looks_random() ? bytes : 0;
}

uint8_t entropy_isr(void)
{
    return *(volatile uint8_t *)(uintptr_t)device.isr;
}
