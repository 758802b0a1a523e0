// SPDX-License-Identifier: MIT
// A buffer of the driver: pieces of the VM's memory that a device reads or writes in their order.
#pragma once

#include "vmm/util/types.h"

struct virtio_memory;

#define VIRTIO_CHAIN_SEGMENTS 128
// What a segment takes of a device's budget beside its bytes, which may be few.
#define VIRTIO_SEGMENT_COST 64LL

struct virtio_segment {
    uint64_t gpa;
    uint64_t bytes;
};

// A buffer of the driver, copied out of the descriptors: first what the device reads, then what it
// writes. Whether a segment is RAM is not known yet. None is empty.
struct virtio_chain {
    uint16_t head;           // names the buffer in the used ring
    uint16_t readable;       // segments that the device reads
    uint16_t count;          // all segments
    uint64_t readable_bytes; // sums, at most 4 GiB together
    uint64_t writable_bytes;
    struct virtio_segment segments[VIRTIO_CHAIN_SEGMENTS];
};

// A place in what the device reads, or in what it writes.
struct virtio_cursor {
    uint16_t segment;
    uint16_t end; // the first segment that it does not reach
    uint64_t offset;
};

// The first byte that the device reads, or writes.
static inline struct virtio_cursor virtio_chain_readable(const struct virtio_chain *chain)
{
    return (struct virtio_cursor){0, chain->readable, 0};
}

static inline struct virtio_cursor virtio_chain_writable(const struct virtio_chain *chain)
{
    return (struct virtio_cursor){chain->readable, chain->count, 0};
}

// The longest piece at the cursor that lies in one segment, of at most `*bytes`. Sets `*bytes` to
// its length and moves the cursor behind it. The pointer is valid until the end of the exit. NULL:
// there are no more bytes, or they are not RAM.
void *virtio_chain_piece(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                         struct virtio_memory *memory, uint64_t *bytes);

// Moves the cursor on, at most to the end.
void virtio_chain_skip(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       uint64_t bytes);

// Copies out of a chain, or into it, and moves the cursor. False: there are fewer bytes, or they
// are not RAM. A part may then be copied.
bool virtio_chain_read(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                       struct virtio_memory *memory, void *to, uint64_t bytes) MUST_CHECK;
bool virtio_chain_write(const struct virtio_chain *chain, struct virtio_cursor *cursor,
                        struct virtio_memory *memory, const void *from, uint64_t bytes) MUST_CHECK;
