// SPDX-License-Identifier: MIT
// A ring of typed bytes.
#include "drivers/key_ring.h"

#include "drivers/ps2_scan_codes.h"

void key_ring_put(struct key_ring *ring, struct ps2_scan_codes *keys, uint8_t code)
{
    char bytes[PS2_KEY_BYTES_MAX];
    size_t count = ps2_scan_codes_decode(keys, code, bytes);
    if (KEY_RING_BYTES - (ring->head - ring->tail) < count) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        ring->bytes[ring->head++ % KEY_RING_BYTES] = bytes[i];
    }
}

int key_ring_take(struct key_ring *ring)
{
    return key_ring_is_empty(ring) ? -1 : (uint8_t)ring->bytes[ring->tail++ % KEY_RING_BYTES];
}

bool key_ring_is_empty(const struct key_ring *ring)
{
    return ring->head == ring->tail;
}
