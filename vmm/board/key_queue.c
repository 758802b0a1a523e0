// SPDX-License-Identifier: MIT
// A ring of scan codes in front of a guest's keyboard controller.
#include "vmm/board/key_queue.h"

#include "vmm/devices/i8042.h"
#include "vmm/util/types.h"

bool key_queue_put(struct key_queue *queue, const uint8_t *codes, unsigned count)
{
    if (count > KEY_QUEUE_BYTES - queue->count) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        queue->bytes[(queue->head + queue->count++) % KEY_QUEUE_BYTES] = codes[i];
    }
    return true;
}

void key_queue_feed(struct key_queue *queue, struct i8042 *i8042)
{
    while (queue->count > 0 && i8042_type(i8042, queue->bytes[queue->head])) {
        queue->head = (queue->head + 1) % KEY_QUEUE_BYTES;
        queue->count--;
    }
}
