// SPDX-License-Identifier: MIT
// Requests of a block device. A long one goes on in the next turn, from where it came to.
#include "vmm/devices/virtio/virtio_block.h"

#include "vmm/devices/virtio/block_backend.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/devices/virtio/virtqueue.h"
#include "vmm/util/string.h"

// Features (virtio 1.2, 5.2.3).
#define FEATURE_SEG_MAX BIT(2)
#define FEATURE_RO BIT(5)
#define FEATURE_BLK_SIZE BIT(6)
#define FEATURE_FLUSH BIT(9)
#define FEATURE_TOPOLOGY BIT(10)
#define FEATURE_MQ BIT(12)
#define FEATURE_DISCARD BIT(13)
#define FEATURE_WRITE_ZEROES BIT(14)

// Types of requests (5.2.6).
enum {
    REQUEST_IN = 0,
    REQUEST_OUT = 1,
    REQUEST_FLUSH = 4,
    REQUEST_GET_ID = 8,
    REQUEST_DISCARD = 11,
    REQUEST_WRITE_ZEROES = 13,
};

// What the last byte of a request says (5.2.6), and that there is nothing to say yet.
enum outcome { OUTCOME_OK = 0, OUTCOME_ERROR = 1, OUTCOME_UNSUPPORTED = 2, OUTCOME_UNFINISHED };

struct header {
    uint32_t type;
    uint32_t reserved;
    uint64_t sector;
};
static_assert(sizeof(struct header) == 16, "virtio 1.2, 5.2.6");

// struct virtio_blk_discard_write_zeroes
struct range {
    uint64_t sector;
    uint32_t sectors;
    uint32_t flags;
};
static_assert(sizeof(struct range) == 16, "virtio 1.2, 5.2.6");
#define RANGE_UNMAP BIT(0)

static_assert(offsetof(struct virtio_block_config, num_queues) == 34, "virtio 1.2, 5.2.4");
static_assert(sizeof(struct virtio_block_config) == 64, "virtio 1.2, 5.2.4");

#define RANGES_MAX 32
#define RANGE_SECTORS_MAX (64 * MIB / BLOCK_SECTOR_BYTES)
// Disks keep what is written in pieces of this size. A step is not cut smaller, whatever the
// budget.
#define STEP_BYTES (4 * KIB)
#define REQUEST_COST 256 // of the budget, beside the bytes and the segments

static bool is_on_disk(const struct block_backend *backend, uint64_t sector, uint64_t bytes)
{
    uint64_t sectors = backend->bytes / BLOCK_SECTOR_BYTES;
    return sector <= sectors && bytes <= (sectors - sector) * BLOCK_SECTOR_BYTES;
}

static uint64_t step_bytes(uint64_t left, int64_t budget)
{
    return MIN(left, MAX((uint64_t)budget, STEP_BYTES));
}

static enum outcome transfer(struct virtio_block *block, struct virtio_block_request *request,
                             struct virtio_cursor *cursor, int64_t *budget)
{
    struct block_backend *backend = block->backend;
    while (request->left > 0) {
        if (*budget <= 0) {
            return OUTCOME_UNFINISHED;
        }
        uint64_t bytes = step_bytes(request->left, *budget);
        void *piece = virtio_chain_piece(&block->chain, cursor, block->device.memory, &bytes);
        if (!piece) {
            return OUTCOME_ERROR;
        }
        *budget -= (int64_t)bytes;
        if (request->type == REQUEST_IN ? !backend->read(backend, request->at, piece, bytes)
                                        : !backend->write(backend, request->at, piece, bytes)) {
            return OUTCOME_ERROR;
        }
        request->at += bytes;
        request->left -= bytes;
        request->done += bytes;
    }
    return OUTCOME_OK;
}

static enum outcome next_range(struct virtio_block *block, struct virtio_block_request *request,
                               struct virtio_cursor *cursor)
{
    struct range range;
    if (!virtio_chain_read(&block->chain, cursor, block->device.memory, &range, sizeof(range))) {
        return OUTCOME_ERROR;
    }
    uint32_t known = request->type == REQUEST_WRITE_ZEROES ? RANGE_UNMAP : 0;
    if (range.flags & ~known) {
        return OUTCOME_UNSUPPORTED;
    }
    uint64_t bytes = (uint64_t)range.sectors * BLOCK_SECTOR_BYTES;
    if (range.sectors > RANGE_SECTORS_MAX || !is_on_disk(block->backend, range.sector, bytes)) {
        return OUTCOME_ERROR;
    }
    request->unmap = range.flags & RANGE_UNMAP;
    request->at = range.sector * BLOCK_SECTOR_BYTES;
    request->left = bytes;
    request->done += sizeof(range);
    return OUTCOME_OK;
}

// A step ends at a multiple of STEP_BYTES on the disk, so that no piece that can be given back is
// cut in two.
static bool clear_step(struct block_backend *backend, struct virtio_block_request *request,
                       int64_t *budget)
{
    uint64_t at = request->at;
    uint64_t bytes = step_bytes(request->left, *budget);
    if (bytes < request->left) {
        bytes = ALIGN_DOWN(at + bytes, STEP_BYTES) - at;
    }
    request->at += bytes;
    request->left -= bytes;
    *budget -= (int64_t)bytes;
    return request->type == REQUEST_DISCARD
               ? backend->discard(backend, at, bytes)
               : backend->write_zeroes(backend, at, bytes, request->unmap);
}

static enum outcome clear_ranges(struct virtio_block *block, struct virtio_block_request *request,
                                 struct virtio_cursor *cursor, int64_t *budget)
{
    for (;;) {
        while (request->left > 0) {
            if (*budget <= 0) {
                return OUTCOME_UNFINISHED;
            }
            if (!clear_step(block->backend, request, budget)) {
                return OUTCOME_ERROR;
            }
        }
        if (request->done == request->data) {
            return OUTCOME_OK;
        }
        enum outcome outcome = next_range(block, request, cursor);
        if (outcome != OUTCOME_OK) {
            return outcome;
        }
    }
}

static enum outcome give_name(struct virtio_block *block, struct virtio_block_request *request,
                              struct virtio_cursor *cursor)
{
    char name[BLOCK_NAME_BYTES] = {0};
    memcpy(name, block->backend->name, MIN(strlen(block->backend->name), sizeof(name)));
    request->done = MIN(request->data, sizeof(name));
    return virtio_chain_write(&block->chain, cursor, block->device.memory, name, request->done)
               ? OUTCOME_OK
               : OUTCOME_ERROR;
}

static bool is_written_to_guest(const struct virtio_block_request *request)
{
    return request->type == REQUEST_IN || request->type == REQUEST_GET_ID;
}

static enum outcome go_on(struct virtio_block *block, struct virtio_block_request *request,
                          int64_t *budget)
{
    bool to_guest = is_written_to_guest(request);
    struct virtio_cursor cursor =
        to_guest ? virtio_chain_writable(&block->chain) : virtio_chain_readable(&block->chain);
    uint64_t behind = request->done + (to_guest ? 0 : sizeof(struct header));
    if (behind != 0) {
        virtio_chain_skip(&block->chain, &cursor, behind);
    }
    switch (request->type) {
    case REQUEST_IN:
    case REQUEST_OUT:
        return transfer(block, request, &cursor, budget);
    case REQUEST_DISCARD:
    case REQUEST_WRITE_ZEROES:
        return clear_ranges(block, request, &cursor, budget);
    case REQUEST_GET_ID:
        return give_name(block, request, &cursor);
    default:
        return block->backend->flush(block->backend) ? OUTCOME_OK : OUTCOME_ERROR;
    }
}

static enum outcome begin_transfer(const struct virtio_block *block,
                                   struct virtio_block_request *request, uint64_t sector)
{
    if (request->data % BLOCK_SECTOR_BYTES != 0 ||
        !is_on_disk(block->backend, sector, request->data) ||
        (request->type == REQUEST_OUT && block->backend->read_only)) {
        return OUTCOME_ERROR;
    }
    request->at = sector * BLOCK_SECTOR_BYTES;
    request->left = request->data;
    return OUTCOME_OK;
}

static enum outcome begin_ranges(const struct virtio_block *block,
                                 const struct virtio_block_request *request, uint64_t feature)
{
    if (!(block->device.features & feature)) {
        return OUTCOME_UNSUPPORTED;
    }
    return request->data % sizeof(struct range) == 0 &&
                   request->data <= RANGES_MAX * sizeof(struct range)
               ? OUTCOME_OK
               : OUTCOME_ERROR;
}

// The header is mostly in one piece, but need not be (2.7.4.1).
static bool read_header(const struct virtio_block *block, struct header *header)
{
    const struct virtio_chain *chain = &block->chain;
    struct virtio_memory *memory = block->device.memory;
    if (chain->readable == 0 || chain->segments[0].bytes < sizeof(*header)) {
        struct virtio_cursor cursor = virtio_chain_readable(chain);
        return virtio_chain_read(chain, &cursor, memory, header, sizeof(*header));
    }
    const uint8_t *from = virtio_memory_at(memory, chain->segments[0].gpa, sizeof(*header));
    if (from) {
        header->type = (uint32_t)virtio_load64(from);
        header->sector = virtio_load64(from + offsetof(struct header, sector));
    }
    return from;
}

// Whether the request in the chain can be done.
static enum outcome begin(struct virtio_block *block, struct virtio_block_request *request)
{
    const struct virtio_chain *chain = &block->chain;
    struct header header;
    *request = (struct virtio_block_request){.begun = true, .head = chain->head};
    if (!read_header(block, &header)) {
        return OUTCOME_ERROR;
    }
    request->type = header.type;
    request->data = is_written_to_guest(request) ? chain->writable_bytes - 1
                                                 : chain->readable_bytes - sizeof(header);
    switch (request->type) {
    case REQUEST_IN:
    case REQUEST_OUT:
        return begin_transfer(block, request, header.sector);
    case REQUEST_DISCARD:
        return begin_ranges(block, request, FEATURE_DISCARD);
    case REQUEST_WRITE_ZEROES:
        return begin_ranges(block, request, FEATURE_WRITE_ZEROES);
    case REQUEST_FLUSH:
    case REQUEST_GET_ID:
        return OUTCOME_OK;
    default:
        return OUTCOME_UNSUPPORTED;
    }
}

static void count_one(uint64_t *counter)
{
    __atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static void count(struct block_backend *backend, uint32_t type, enum outcome outcome)
{
    if (outcome != OUTCOME_OK) {
        count_one(&backend->counters.errors);
    } else if (type == REQUEST_IN) {
        count_one(&backend->counters.reads);
    } else if (type == REQUEST_OUT || type == REQUEST_DISCARD || type == REQUEST_WRITE_ZEROES) {
        count_one(&backend->counters.writes);
    }
}

// The status is the last byte of the buffer. False: it is not in RAM.
static bool finish(struct virtio_block *block, struct virtio_block_request *request,
                   struct virtqueue *queue, const struct virtqueue_rings *rings,
                   enum outcome outcome)
{
    const struct virtio_chain *chain = &block->chain;
    const struct virtio_segment *last = &chain->segments[chain->count - 1];
    uint64_t written = is_written_to_guest(request) ? request->done : 0;
    uint8_t *status = virtio_memory_at(block->device.memory, last->gpa + last->bytes - 1, 1);
    request->begun = false;
    count(block->backend, request->type, outcome);
    if (!status) {
        return false;
    }
    *status = (uint8_t)outcome;
    // Counted are the bytes up to the first that was not written (2.7.8.2).
    written += written == chain->writable_bytes - 1;
    virtqueue_push(queue, rings, chain->head, (uint32_t)written);
    return true;
}

// Finds the chain of the request that was begun, or of the next one. False: there is none.
static bool find_chain(struct virtio_block *block, const struct virtio_block_request *request,
                       struct virtqueue *queue, const struct virtqueue_rings *rings)
{
    struct virtio_memory *memory = block->device.memory;
    if (request->begun ? !virtqueue_reread(queue, memory, rings, request->head, &block->chain)
                       : !virtqueue_pop(queue, memory, rings, &block->chain)) {
        return false;
    }
    if (block->chain.writable_bytes == 0) { // no place for the status
        queue->broken = true;
    }
    return !queue->broken;
}

static bool serve(struct virtio_device *device, unsigned index, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    struct virtio_block *block = container_of(device, struct virtio_block, device);
    struct virtio_block_request *request = &block->requests[index];
    struct virtqueue *queue = &device->queues[index];
    while (*budget > 0) {
        if (!find_chain(block, request, queue, rings)) {
            return false;
        }
        enum outcome outcome = request->begun ? OUTCOME_OK : begin(block, request);
        if (outcome == OUTCOME_OK) {
            outcome = go_on(block, request, budget);
        }
        *budget -= REQUEST_COST + VIRTIO_SEGMENT_COST * block->chain.count;
        if (outcome != OUTCOME_UNFINISHED && !finish(block, request, queue, rings, outcome)) {
            queue->broken = true;
            return false;
        }
    }
    return true;
}

static void reset(struct virtio_device *device)
{
    struct virtio_block *block = container_of(device, struct virtio_block, device);
    memset(block->requests, 0, sizeof(block->requests));
}

static const struct virtio_device_ops block_ops = {
    .type = VIRTIO_BLOCK,
    .serve = serve,
    .reset = reset,
};

static uint64_t features_of(const struct virtio_block *block)
{
    uint64_t features = FEATURE_SEG_MAX | FEATURE_BLK_SIZE | FEATURE_FLUSH | FEATURE_TOPOLOGY;
    if (block->config.num_queues > 1) {
        features |= FEATURE_MQ;
    }
    return features |
           (block->backend->read_only ? FEATURE_RO : FEATURE_DISCARD | FEATURE_WRITE_ZEROES);
}

void virtio_block_init(struct virtio_block *block, struct virtio_memory *memory,
                       struct block_backend *backend, unsigned queues)
{
    *block = (struct virtio_block){.backend = backend};
    block->config = (struct virtio_block_config){
        .capacity = backend->bytes / BLOCK_SECTOR_BYTES,
        .seg_max = VIRTIO_CHAIN_SEGMENTS - 2, // header and status have a segment each
        .blk_size = BLOCK_SECTOR_BYTES,
        .physical_block_exp = 3, // STEP_BYTES
        .min_io_size = STEP_BYTES / BLOCK_SECTOR_BYTES,
        .num_queues = (uint16_t)queues,
        .max_discard_sectors = RANGE_SECTORS_MAX,
        .max_discard_seg = RANGES_MAX,
        .discard_sector_alignment = STEP_BYTES / BLOCK_SECTOR_BYTES,
        .max_write_zeroes_sectors = RANGE_SECTORS_MAX,
        .max_write_zeroes_seg = RANGES_MAX,
        .write_zeroes_may_unmap = 1,
    };
    virtio_device_init(&block->device, &block_ops, memory, features_of(block), queues,
                       &block->config, sizeof(block->config));
}
