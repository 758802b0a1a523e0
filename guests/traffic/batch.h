// SPDX-License-Identifier: MIT
// Notifies a virtio device, and takes the time until its interrupt comes.
#pragma once

#include "vmm/util/types.h"

struct virtio;
struct virtio_queue;

// The vector of MSI-X that queues of a measured device use.
#define BATCH_MSIX 0

// Routes BATCH_MSIX of the device to the handler that notes the time.
void batch_init(const struct virtio *virtio);

// `count` buffers of the queue were made available. Notifies the device and waits until they are
// used. Returns the ticks from before the notification to the first instruction of the handler; 0:
// no interrupt came.
uint32_t batch_run(const struct virtio *virtio, unsigned index, struct virtio_queue *queue,
                   uint16_t count);
