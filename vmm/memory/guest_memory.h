// SPDX-License-Identifier: MIT
// Guest-physical memory: the only way from a guest's address to a pointer.
#pragma once

#include "vmm/address.h"
#include "vmm/host.h"

// Where RAM lies in a VM, as on a PC: the holes are for the VGA adapter and for devices.
#define GUEST_VGA_HOLE 0xa0000ULL
#define GUEST_VGA_HOLE_END 0xc0000ULL
// The adapter's text memory at the end of that hole is mapped like RAM: writing there does not
// exit.
#define GUEST_VGA_TEXT 0xb8000ULL
#define GUEST_VGA_TEXT_BYTES (GUEST_VGA_HOLE_END - GUEST_VGA_TEXT)
#define GUEST_LOW_RAM_MAX (3 * GIB)
#define GUEST_HIGH_RAM (4 * GIB)
#define GUEST_MEMORY_MAX (4096 * GIB) // all of it fits below MODULE_WINDOW

struct guest_memory {
    uint8_t *base; // of gpa 0: the window, or a test's buffer
    unsigned extent_count;
    struct guest_extent extents[GUEST_EXTENTS];
};

// The `length` bytes at `address`, or NULL where not all of them are RAM of this VM. The pointer is
// good until the exit ends: never keep it. `length` may be 0. Inline, as page walks live on it.
static inline void *guest_memory_at(const struct guest_memory *memory, gpa_t address,
                                    uint64_t length)
{
    // From the end: the extent that has nearly all of a VM's RAM is the last one, mostly.
    for (unsigned i = memory->extent_count; i-- > 0;) {
        const struct guest_extent *extent = &memory->extents[i];
        // Wraps to a huge offset where the address lies below the extent.
        uint64_t offset = address.value - extent->gpa.value;
        if (offset < extent->bytes && length <= extent->bytes - offset) {
            return memory->base + address.value;
        }
    }
    return NULL;
}

// Whole RAM in bytes, holes left out; the text memory does not count.
uint64_t guest_memory_size(const struct guest_memory *memory);

// The RAM of a VM of `bytes` (whole pages count, at most GUEST_MEMORY_MAX), holes left out: below
// the VGA hole, from its text memory to min(bytes, GUEST_LOW_RAM_MAX), what is more from
// GUEST_HIGH_RAM on.
// The VGA hole is taken out of `bytes`, as on a PC. Returns the number of extents, in rising order.
unsigned guest_memory_layout(uint64_t bytes, struct guest_extent extents[GUEST_EXTENTS]);
