// SPDX-License-Identifier: MIT
// Passes on the numbers of pages that a driver gives away or wants back, and keeps its statistics.
#include "vmm/devices/virtio/virtio_balloon.h"

#include "vmm/devices/virtio/virtqueue.h"
#include "vmm/util/string.h"

#define FEATURE_MUST_TELL_HOST BIT(0) // virtio 1.2, 5.5.3
#define FEATURE_STATS_VQ BIT(1)

static_assert(sizeof(struct virtio_balloon_config) == 8, "virtio 1.2, 5.5.4");

#define PAGES_A_STEP 32
#define PAGE_COST 64 // of the budget
#define BUFFER_COST 256

// struct virtio_balloon_stat (5.5.6.3)
struct statistic {
    uint16_t tag;
    uint64_t value;
} __attribute__((packed));

// Takes the next buffer, or reads the one again that is begun. The guest may have changed it since.
static bool take_buffer(struct virtio_balloon *balloon, unsigned index,
                        const struct virtqueue_rings *rings)
{
    struct virtqueue *queue = &balloon->device.queues[index];
    struct virtio_balloon_request *request = &balloon->requests[index];
    struct virtio_memory *memory = balloon->device.memory;
    if (request->begun) {
        return virtqueue_reread(queue, memory, rings, request->head, &balloon->chain);
    }
    if (!virtqueue_pop(queue, memory, rings, &balloon->chain)) {
        return false;
    }
    *request = (struct virtio_balloon_request){.begun = true, .head = balloon->chain.head};
    return true;
}

// Passes the pages on. Returns how many.
static unsigned move(struct virtio_balloon *balloon, unsigned index, const uint32_t *pages,
                     unsigned count)
{
    bool away = index == VIRTIO_BALLOON_INFLATE;
    for (unsigned i = 0; i < count; i++) {
        if (!balloon->owner->move(balloon->owner, pages[i], away)) {
            return i;
        }
        balloon->config.actual += away ? 1U : -(uint32_t)(balloon->config.actual > 0);
    }
    return count;
}

static bool serve_pages(struct virtio_balloon *balloon, unsigned index,
                        const struct virtqueue_rings *rings, int64_t *budget)
{
    struct virtqueue *queue = &balloon->device.queues[index];
    struct virtio_balloon_request *request = &balloon->requests[index];
    const struct virtio_chain *chain = &balloon->chain;
    uint32_t pages[PAGES_A_STEP];
    while (*budget > 0) {
        if (!take_buffer(balloon, index, rings)) {
            return false;
        }
        uint64_t left = (MAX(chain->readable_bytes, request->done) - request->done) / 4;
        unsigned count = (unsigned)MIN(left, PAGES_A_STEP);
        struct virtio_cursor cursor = virtio_chain_readable(chain);
        virtio_chain_skip(chain, &cursor, request->done);
        if (!virtio_chain_read(chain, &cursor, balloon->device.memory, pages, 4UL * count)) {
            queue->broken = true;
            return false;
        }
        unsigned moved = move(balloon, index, pages, count);
        request->done += 4UL * moved;
        *budget -= BUFFER_COST + PAGE_COST * (int64_t)moved;
        if (moved < count) {
            return false;
        }
        if (count == left) {
            virtqueue_push(queue, rings, request->head, 0);
            request->begun = false;
        }
    }
    return true;
}

// A buffer has at most as many statistics as there are tags, or more that say the same.
static bool read_statistics(struct virtio_balloon *balloon)
{
    const struct virtio_chain *chain = &balloon->chain;
    struct virtio_cursor cursor = virtio_chain_readable(chain);
    struct statistic statistics[BALLOON_STATISTICS];
    uint64_t count = MIN(chain->readable_bytes / sizeof(struct statistic), BALLOON_STATISTICS);
    if (!virtio_chain_read(chain, &cursor, balloon->device.memory, statistics,
                           count * sizeof(struct statistic))) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (statistics[i].tag < BALLOON_STATISTICS) {
            balloon->statistics[statistics[i].tag] = statistics[i].value;
        }
    }
    return true;
}

// The driver fills a buffer when it gets it back (5.5.6.3.1).
static bool serve_statistics(struct virtio_balloon *balloon, const struct virtqueue_rings *rings)
{
    struct virtqueue *queue = &balloon->device.queues[VIRTIO_BALLOON_STATISTICS];
    if (balloon->holds && balloon->asked) {
        virtqueue_push(queue, rings, balloon->head, 0);
        balloon->holds = false;
    }
    balloon->asked = false;
    if (balloon->holds || !virtqueue_pop(queue, balloon->device.memory, rings, &balloon->chain)) {
        return false;
    }
    balloon->holds = true;
    balloon->head = balloon->chain.head;
    queue->broken = !read_statistics(balloon);
    return false;
}

static bool serve(struct virtio_device *device, unsigned index, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    struct virtio_balloon *balloon = container_of(device, struct virtio_balloon, device);
    return index == VIRTIO_BALLOON_STATISTICS ? serve_statistics(balloon, rings)
                                              : serve_pages(balloon, index, rings, budget);
}

static void reset(struct virtio_device *device)
{
    struct virtio_balloon *balloon = container_of(device, struct virtio_balloon, device);
    memset(balloon->requests, 0, sizeof(balloon->requests));
    memset(balloon->statistics, 0, sizeof(balloon->statistics));
    balloon->holds = false;
    if (balloon->config.actual > 0) {
        balloon->config.actual = 0;
        balloon->owner->reset(balloon->owner);
    }
}

static const struct virtio_device_ops balloon_ops = {
    .type = VIRTIO_BALLOON,
    .serve = serve,
    .reset = reset,
};

void virtio_balloon_init(struct virtio_balloon *balloon, struct virtio_memory *memory,
                         struct balloon_owner *owner)
{
    balloon->owner = owner;
    balloon->config = (struct virtio_balloon_config){0};
    virtio_device_init(&balloon->device, &balloon_ops, memory,
                       FEATURE_MUST_TELL_HOST | FEATURE_STATS_VQ, VIRTIO_BALLOON_QUEUES,
                       &balloon->config, sizeof(balloon->config));
}

void virtio_balloon_set(struct virtio_balloon *balloon, uint32_t pages)
{
    balloon->config.wanted = pages;
    virtio_device_config_changed(&balloon->device);
}

void virtio_balloon_look(struct virtio_balloon *balloon)
{
    virtio_device_notify(&balloon->device, VIRTIO_BALLOON_DEFLATE);
}

void virtio_balloon_ask(struct virtio_balloon *balloon)
{
    balloon->asked = true;
    virtio_device_notify(&balloon->device, VIRTIO_BALLOON_STATISTICS);
}
