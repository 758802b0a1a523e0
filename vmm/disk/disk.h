// SPDX-License-Identifier: MIT
// A disk of a VM: an image that nobody writes, and over it what the VM has written.
#pragma once

#include "vmm/devices/virtio/block_backend.h"
#include "vmm/disk/overlay.h"
#include "vmm/util/types.h"

struct block_store;

struct disk {
    struct block_backend backend; // what a block device uses: name, size, functions
    const uint8_t *image; // backend.bytes of them; NULL: a ram-disk, which begins with zeros
    struct overlay overlay;
};

// Makes a disk that nothing was written to. `bytes` is whole sectors, and at most
// OVERLAY_BLOCKS_MAX blocks. `limit` is how many blocks of the store it may have. The image stays
// the caller's.
void disk_init(struct disk *disk, const char *name, const uint8_t *image, uint64_t bytes,
               bool read_only, struct block_store *store, uint32_t limit);
