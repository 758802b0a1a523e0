// SPDX-License-Identifier: MIT
// Keys typed for a guest that its keyboard controller has no room for yet.
#pragma once

#include "vmm/util/types.h"

struct i8042;

#define KEY_QUEUE_BYTES 1024

// A ring of scan codes. All zero is the empty queue.
struct key_queue {
    unsigned head;
    unsigned count;
    uint8_t bytes[KEY_QUEUE_BYTES];
};

// Adds all of the codes. Returns false, and adds none, if they do not all fit.
MUST_CHECK bool key_queue_put(struct key_queue *queue, const uint8_t *codes, unsigned count);

// Moves codes to the keyboard controller for as long as it takes them.
void key_queue_feed(struct key_queue *queue, struct i8042 *i8042);
