// SPDX-License-Identifier: MIT
// Requests for random bytes. Each gets a few: a driver has to look how many it got.
#include "vmm/devices/virtio/virtio_entropy.h"

#include "vmm/devices/virtio/virtqueue.h"

#define WORDS_MAX 8       // what one request gets
#define REQUEST_COST 4096 // of the budget: a random word is much slower than a copied one

// False: the source has failed.
static bool fill(struct virtio_entropy *entropy, struct virtqueue *queue,
                 const struct virtqueue_rings *rings)
{
    const struct virtio_chain *chain = &entropy->chain;
    struct virtio_cursor cursor = virtio_chain_writable(chain);
    uint64_t words[WORDS_MAX];
    uint64_t bytes = MIN(chain->writable_bytes, sizeof(words));
    if (!entropy->source->fill(entropy->source, words, WORDS_MAX) ||
        !virtio_chain_write(chain, &cursor, entropy->device.memory, words, bytes)) {
        return false;
    }
    virtqueue_push(queue, rings, chain->head, (uint32_t)bytes);
    return true;
}

static bool serve(struct virtio_device *device, unsigned index, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    struct virtio_entropy *entropy = container_of(device, struct virtio_entropy, device);
    struct virtqueue *queue = &device->queues[index];
    while (*budget > 0) {
        if (!virtqueue_pop(queue, device->memory, rings, &entropy->chain)) {
            return false;
        }
        if (!fill(entropy, queue, rings)) {
            queue->broken = true;
            return false;
        }
        *budget -= REQUEST_COST;
    }
    return true;
}

static const struct virtio_device_ops entropy_ops = {
    .type = VIRTIO_ENTROPY,
    .serve = serve,
};

void virtio_entropy_init(struct virtio_entropy *entropy, struct virtio_memory *memory,
                         struct entropy_source *source)
{
    *entropy = (struct virtio_entropy){.source = source};
    virtio_device_init(&entropy->device, &entropy_ops, memory, 0, 1, NULL, 0);
}
