// SPDX-License-Identifier: MIT
// Guest-physical memory: the only way from a guest's address to a pointer.
#pragma once

#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/util/types.h"

// The places of RAM in a VM, as on a PC. The holes are for the VGA adapter and for devices.
#define GUEST_VGA_HOLE 0xa0000ULL
#define GUEST_VGA_HOLE_END 0xc0000ULL
// The adapter's text memory at the end of that hole is mapped like RAM, so a write does not exit.
#define GUEST_VGA_TEXT 0xb8000ULL
#define GUEST_VGA_TEXT_BYTES (GUEST_VGA_HOLE_END - GUEST_VGA_TEXT)
#define GUEST_LOW_RAM_MAX (3 * GIB)
#define GUEST_HIGH_RAM (4 * GIB)
#define GUEST_MEMORY_MAX (4096 * GIB) // all of it fits below MODULE_WINDOW

struct guest_memory {
    uint8_t *base; // of gpa 0: the window, or a test's buffer
    unsigned extent_count;
    struct guest_extent extents[GUEST_EXTENTS + 1]; // guest_memory_without may split one
};

// A pointer to the `length` bytes at `address`. NULL: not all of them are RAM of this VM. Never
// keep the pointer: it is valid until the end of the exit. `length` may be 0. The function is
// inline because every page walk calls it.
static inline void *guest_memory_at(const struct guest_memory *memory, gpa_t address,
                                    uint64_t length)
{
    // From the end: mostly the last extent has nearly all of the VM's RAM.
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

// Whether any of the `bytes` bytes at `address`, at least 1, is RAM. They do not wrap.
bool guest_memory_touches(const struct guest_memory *memory, gpa_t address, uint64_t bytes);

// The VM's RAM in bytes, without holes and without the text memory.
uint64_t guest_memory_size(const struct guest_memory *memory);

// Makes `result` the same memory without one of its pages. `memory` itself lacks no page.
void guest_memory_without(const struct guest_memory *memory, gpa_t page,
                          struct guest_memory *result);

// Lays out the RAM of a VM of `bytes`, of which whole pages count, up to GUEST_MEMORY_MAX. The
// extents are: below the VGA hole; from the text memory to min(bytes, GUEST_LOW_RAM_MAX); the rest
// from GUEST_HIGH_RAM on. The VGA hole is taken out of `bytes`, as on a PC. Returns the number of
// extents, which are in rising order.
unsigned guest_memory_layout(uint64_t bytes, struct guest_extent extents[GUEST_EXTENTS]);
