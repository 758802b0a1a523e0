// SPDX-License-Identifier: MIT
// What a block device needs from the disk behind it.
#pragma once

#include "vmm/util/types.h"

#define BLOCK_SECTOR_BYTES 512
#define BLOCK_NAME_BYTES 20 // the longest serial number (virtio 1.2, 5.2.6)

// The requests that a device has done. Atomic.
struct block_counters {
    uint64_t reads;
    uint64_t writes; // also discards, and zeroing
    uint64_t errors; // requests that failed
};

// The owner embeds this and finds itself with container_of. Places and lengths are in bytes, at any
// alignment: a driver may cut a sector into pieces. The caller keeps within `bytes` and the budget
// of an exit. What is not read_only has all functions. Each returns false for an I/O error.
struct block_backend {
    uint64_t bytes; // a multiple of BLOCK_SECTOR_BYTES
    bool read_only;
    char name[BLOCK_NAME_BYTES + 1]; // the serial number
    bool (*read)(struct block_backend *backend, uint64_t at, void *to, uint64_t bytes);
    bool (*write)(struct block_backend *backend, uint64_t at, const void *from, uint64_t bytes);
    // From here on whole sectors. Discarded ones read as zeroes or as anything that was there.
    bool (*discard)(struct block_backend *backend, uint64_t at, uint64_t bytes);
    // The sectors then read as zeroes. `unmap` lets the disk give their memory back.
    bool (*write_zeroes)(struct block_backend *backend, uint64_t at, uint64_t bytes, bool unmap);
    bool (*flush)(struct block_backend *backend);
    struct block_counters counters;
};
