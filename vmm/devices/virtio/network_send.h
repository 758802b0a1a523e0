// SPDX-License-Identifier: MIT
// The transmit queues of a network device (virtio 1.2, 5.1.6.2).
#pragma once

#include "vmm/util/types.h"

struct virtio_network;
struct virtqueue_rings;

// See `serve` in struct virtio_device_ops.
bool network_send(struct virtio_network *network, unsigned queue,
                  const struct virtqueue_rings *rings, int64_t *budget);
