// SPDX-License-Identifier: MIT
// Reads of 4 KiB from a virtio block device.
#pragma once

#include "vmm/util/types.h"

#define DISK_DEPTH_MAX 64

// Finds the disk, of at least DISK_DEPTH_MAX * 4 KiB, and writes to all of that. False: there is
// no such disk, or it fails.
bool disk_start(void);

// Reads `depth` different blocks by one notification. Returns the ticks of all together; 0: a
// request failed, or brought other bytes than were written.
uint32_t disk_read(unsigned depth);
