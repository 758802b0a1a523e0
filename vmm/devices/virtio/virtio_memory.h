// SPDX-License-Identifier: MIT
// The memory of a VM, as a virtio device sees it: one way from a guest-physical address to bytes.
#pragma once

#include "vmm/util/types.h"

// What the board gives to a device. The owner embeds this and finds itself with container_of.
struct virtio_memory {
    // A piece of the VM's RAM, which has most of it. It is here so that the usual address costs no
    // call. There may be none.
    uint64_t start; // guest-physical
    uint64_t bytes;
    uint8_t *at;
    // What virtio_memory_at does, for all of the VM's RAM.
    void *(*translate)(struct virtio_memory *memory, uint64_t gpa, uint64_t bytes);
};

// A pointer to the `bytes` bytes at `gpa`, of which there may be none. NULL: not all of them are
// RAM of the VM. The pointer is valid until the end of the exit.
static inline void *virtio_memory_at(struct virtio_memory *memory, uint64_t gpa, uint64_t bytes)
{
    uint64_t offset = gpa - memory->start; // wraps to a huge one if `gpa` is below
    if (offset < memory->bytes && bytes <= memory->bytes - offset) {
        return memory->at + offset;
    }
    return memory->translate(memory, gpa, bytes);
}

// The other vCPUs of the VM may write to its memory at any time. So a value that is checked is read
// once. This reads it exactly once, at any alignment.
struct virtio_unaligned64 {
    volatile uint64_t value;
} __attribute__((packed, may_alias));

static inline uint64_t virtio_load64(const void *at)
{
    return ((const struct virtio_unaligned64 *)at)->value;
}
