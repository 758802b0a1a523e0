// SPDX-License-Identifier: MIT
// Counts a VM's RAM and lays it out like a PC's.
#include "vmm/memory/guest_memory.h"

uint64_t guest_memory_size(const struct guest_memory *memory)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < memory->extent_count; i++) {
        bytes += memory->extents[i].bytes;
    }
    if (guest_memory_at(memory, gpa(GUEST_VGA_TEXT), GUEST_VGA_TEXT_BYTES)) {
        bytes -= GUEST_VGA_TEXT_BYTES;
    }
    return bytes;
}

bool guest_memory_touches(const struct guest_memory *memory, gpa_t address, uint64_t bytes)
{
    for (unsigned i = 0; i < memory->extent_count; i++) {
        const struct guest_extent *extent = &memory->extents[i];
        if (address.value < extent->gpa.value + extent->bytes &&
            extent->gpa.value <= address.value + (bytes - 1)) {
            return true;
        }
    }
    return false;
}

// Adds the extent from `start` to `end`, unless it is empty.
static unsigned add_extent(struct guest_extent *extents, unsigned count, uint64_t start,
                           uint64_t end)
{
    if (start >= end) {
        return count;
    }
    extents[count] = (struct guest_extent){.gpa = gpa(start), .bytes = end - start};
    return count + 1;
}

void guest_memory_without(const struct guest_memory *memory, gpa_t page,
                          struct guest_memory *result)
{
    unsigned count = 0;
    for (unsigned i = 0; i < memory->extent_count; i++) {
        uint64_t start = memory->extents[i].gpa.value;
        uint64_t end = start + memory->extents[i].bytes;
        if (page.value - start < end - start) {
            count = add_extent(result->extents, count, start, page.value);
            start = page.value + PAGE_SIZE;
        }
        count = add_extent(result->extents, count, start, end);
    }
    result->base = memory->base;
    result->extent_count = count;
}

unsigned guest_memory_layout(uint64_t bytes, struct guest_extent extents[GUEST_EXTENTS])
{
    uint64_t whole = ALIGN_DOWN(MIN(bytes, GUEST_MEMORY_MAX), PAGE_SIZE);
    uint64_t low_end = MIN(whole, GUEST_LOW_RAM_MAX);
    unsigned count = 0;
    count = add_extent(extents, count, 0, MIN(low_end, GUEST_VGA_HOLE));
    if (low_end > GUEST_VGA_HOLE_END) { // the extent begins with the adapter's text memory
        count = add_extent(extents, count, GUEST_VGA_TEXT, low_end);
    }
    return add_extent(extents, count, GUEST_HIGH_RAM, GUEST_HIGH_RAM + whole - low_end);
}
