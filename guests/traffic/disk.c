// SPDX-License-Identifier: MIT
// Reads of 4 KiB from a virtio block device (virtio 1.2, 5.2), as Linux' driver makes them: each
// request is an indirect table of three descriptors.
#include "guests/traffic/disk.h"

#include "guests/lib/virtio.h"
#include "guests/traffic/batch.h"

#define BLOCK_WORDS (4096 / 8)
#define BLOCK_SECTORS 8
#define UNKNOWN_STATUS 0xff

enum { REQUEST_IN = 0, REQUEST_OUT = 1 };

struct request {
    alignas(16) struct virtio_descriptor table[3];
    struct {
        uint32_t type;
        uint32_t reserved;
        uint64_t sector;
    } header;
    volatile uint8_t status;
};

static struct virtio device;
static struct virtio_queue queue;
static struct request requests[DISK_DEPTH_MAX];
alignas(4096) static volatile uint64_t blocks[DISK_DEPTH_MAX][BLOCK_WORDS];

// Request number `index` is for block `index`.
static void prepare(unsigned index, uint32_t type)
{
    struct request *request = &requests[index];
    uint16_t to_guest = type == REQUEST_IN ? VIRTIO_WRITE : 0;
    request->header.type = type;
    request->header.sector = (uint64_t)index * BLOCK_SECTORS;
    request->status = UNKNOWN_STATUS;
    request->table[0] = (struct virtio_descriptor){(uintptr_t)&request->header,
                                                   sizeof(request->header), VIRTIO_NEXT, 1};
    request->table[1] = (struct virtio_descriptor){(uintptr_t)blocks[index], sizeof(blocks[index]),
                                                   (uint16_t)(to_guest | VIRTIO_NEXT), 2};
    request->table[2] = (struct virtio_descriptor){(uintptr_t)&request->status, 1, VIRTIO_WRITE, 0};
    queue.descriptors[index] = (struct virtio_descriptor){
        (uintptr_t)request->table, sizeof(request->table), VIRTIO_INDIRECT, 0};
    virtio_offer(&queue, (uint16_t)index);
}

// The ends of the block are enough: a copy has both or is cut short.
static void fill(unsigned index, uint64_t value)
{
    blocks[index][0] = value;
    blocks[index][BLOCK_WORDS - 1] = ~value;
}

static bool is_filled(unsigned index, uint64_t value)
{
    return blocks[index][0] == value && blocks[index][BLOCK_WORDS - 1] == ~value;
}

static uint32_t run(unsigned depth, uint32_t type)
{
    for (unsigned i = 0; i < depth; i++) {
        fill(i, type == REQUEST_IN ? 0 : i + 1);
        prepare(i, type);
    }
    uint32_t ticks = batch_run(&device, 0, &queue, (uint16_t)depth);
    for (unsigned i = 0; i < depth; i++) {
        if (requests[i].status != 0 || !is_filled(i, i + 1)) {
            return 0;
        }
    }
    return ticks;
}

bool disk_start(void)
{
    if (!virtio_find(&device, VIRTIO_BLOCK, 0) ||
        !virtio_begin(&device, VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT | VIRTIO_F_EVENT_INDEX)) {
        return false;
    }
    batch_init(&device);
    if (!virtio_set_queue(&device, 0, &queue, VIRTIO_ENTRIES_MAX, BATCH_MSIX)) {
        return false;
    }
    virtio_run(&device);
    return run(DISK_DEPTH_MAX, REQUEST_OUT) != 0;
}

uint32_t disk_read(unsigned depth)
{
    return run(depth, REQUEST_IN);
}
