// SPDX-License-Identifier: MIT
// A small disk in memory, for the tests of block devices.
#pragma once

#include "vmm/devices/virtio/block_backend.h"
#include "vmm/util/types.h"

#define FAKE_DISK_BYTES (256 * KIB)

struct fake_disk {
    struct block_backend backend;
    bool fails; // each access has an error
    unsigned calls;
    uint64_t handled; // bytes of all calls
    unsigned flushes;
    uint64_t discarded; // bytes
    uint64_t unmapped;  // bytes that write_zeroes may give back
    uint8_t bytes[FAKE_DISK_BYTES];
};

// All zeroes, of `bytes` bytes.
void fake_disk_init(struct fake_disk *disk, uint64_t bytes, bool read_only);
