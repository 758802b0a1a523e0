// SPDX-License-Identifier: MIT
// The model of a virtio entropy device (virtio 1.2, 5.4): a source of random bytes.
#pragma once

#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct virtio_memory;

// Where the bytes come from. The owner embeds this and finds itself with container_of.
struct entropy_source {
    // Fills `words` words. False: the source has failed, and nothing may be used.
    bool (*fill)(struct entropy_source *source, uint64_t *to, unsigned words);
};

struct virtio_entropy {
    struct virtio_device device;
    struct entropy_source *source;
    struct virtio_chain chain; // of the request at work
};

void virtio_entropy_init(struct virtio_entropy *entropy, struct virtio_memory *memory,
                         struct entropy_source *source);
