// SPDX-License-Identifier: MIT
// Walks the pieces of a buffer. Each is translated anew when it is used.
#include "vmm/devices/virtio/virtio_chain.h"

#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/util/string.h"

void *virtio_chain_piece(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                         struct virtio_memory *memory, uint64_t *bytes)
{
    if (cursor->segment == cursor->end) {
        return NULL;
    }
    const struct virtio_segment *segment = &chain->segments[cursor->segment];
    uint64_t offset = cursor->offset;
    uint64_t left = segment->bytes - offset;
    if (*bytes < left) {
        cursor->offset = offset + *bytes;
    } else {
        *bytes = left;
        cursor->offset = 0;
        cursor->segment++;
    }
    return virtio_memory_at(memory, segment->gpa + offset, *bytes);
}

void virtio_chain_skip(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       uint64_t bytes)
{
    while (bytes > 0 && cursor->segment != cursor->end) {
        uint64_t left = chain->segments[cursor->segment].bytes - cursor->offset;
        if (bytes < left) {
            cursor->offset += bytes;
            return;
        }
        bytes -= left;
        cursor->offset = 0;
        cursor->segment++;
    }
}

bool virtio_chain_read(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       struct virtio_memory *memory, void *to, uint64_t bytes)
{
    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        piece = bytes - done;
        const void *from = virtio_chain_piece(chain, cursor, memory, &piece);
        if (!from) {
            return false;
        }
        memcpy((uint8_t *)to + done, from, piece);
    }
    return true;
}

bool virtio_chain_write(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                        struct virtio_memory *memory, const void *from, uint64_t bytes)
{
    for (uint64_t done = 0, piece; done < bytes; done += piece) {
        piece = bytes - done;
        void *to = virtio_chain_piece(chain, cursor, memory, &piece);
        if (!to) {
            return false;
        }
        memcpy(to, (const uint8_t *)from + done, piece);
    }
    return true;
}
