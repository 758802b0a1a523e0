// SPDX-License-Identifier: MIT
// What was typed for a guest and its keyboard controller has had no room for yet.
#pragma once

#include "vmm/devices/i8042.h"

#define KEY_QUEUE_BYTES 1024

// All zero: empty.
struct key_queue {
    unsigned head;
    unsigned count;
    uint8_t bytes[KEY_QUEUE_BYTES];
};

// All of the codes or none: false, there is no room.
MUST_CHECK bool key_queue_put(struct key_queue *queue, const uint8_t *codes, unsigned count);

// Gives the keyboard what it takes now.
void key_queue_feed(struct key_queue *queue, struct i8042 *i8042);
