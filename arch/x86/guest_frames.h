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

// Keeps `count` frames for the caller, who takes them later. False: so many are not free.
bool guest_frames_reserve(uint64_t count) MUST_CHECK;
void guest_frames_unreserve(uint64_t count);
// Gives `count` contiguous frames (1 to 512) out of those that the caller has reserved. Their start
// is aligned to `alignment` bytes (2 MiB for one frame, or a larger power of two). False: there is
// no such run; for one frame there always is. The frames keep their old contents and are not
// mapped.
bool guest_frames_take(uint64_t count, uint64_t alignment, hpa_t *first) MUST_CHECK;
// Makes them free. They are not reserved any more.
void guest_frames_release(hpa_t first, uint64_t count);

uint64_t guest_frames_total_bytes(void);
uint64_t guest_frames_free_bytes(void);
