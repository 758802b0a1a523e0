// SPDX-License-Identifier: MIT
// What has been typed and not yet been read, as the bytes that a terminal would send. Pure.
#pragma once

#include "vmm/util/types.h"

struct ps2_scan_codes;

#define KEY_RING_BYTES 256

static_assert((KEY_RING_BYTES & (KEY_RING_BYTES - 1)) == 0, "indexes wrap by themselves");

// Head and tail only grow. The ring holds head - tail bytes. All zero: it is empty.
struct key_ring {
    uint32_t head;
    uint32_t tail;
    char bytes[KEY_RING_BYTES];
};

// Puts in what the scan code makes the keyboard send. A full ring loses it.
void key_ring_put(struct key_ring *ring, struct ps2_scan_codes *keys, uint8_t code);
// Takes the oldest byte out; -1: there is none.
int key_ring_take(struct key_ring *ring);
bool key_ring_is_empty(const struct key_ring *ring);
