// SPDX-License-Identifier: MIT
// The receive queues of a network device (virtio 1.2, 5.1.6.3 and 5.1.6.4).
#pragma once

#include "vmm/util/types.h"

struct virtio_network;
struct virtqueue_rings;

// See `serve` in struct virtio_device_ops. A frame for another queue makes that one pending.
bool network_receive(struct virtio_network *network, unsigned queue,
                     const struct virtqueue_rings *rings, int64_t *budget);
