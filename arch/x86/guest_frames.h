// SPDX-License-Identifier: MIT
// Memory for guests: all RAM that is not the hypervisor's, in frames of 2 MiB.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct machine_memory;

#define GUEST_FRAME_BYTES PAGE_SIZE_2M

// Needs frames_init. All usable RAM that is neither the pool nor occupied may be given away from
// here on.
void guest_frames_init(const struct machine_memory *memory);

// Gives `count` contiguous frames (count <= 512). Their start is aligned to `alignment` bytes (a
// power of two, at least 2 MiB). False: there are none. The frames keep their old contents and are
// not mapped.
bool guest_frames_allocate(uint64_t count, uint64_t alignment, hpa_t *first) MUST_CHECK;
void guest_frames_release(hpa_t first, uint64_t count);

uint64_t guest_frames_total_bytes(void);
uint64_t guest_frames_free_bytes(void);
