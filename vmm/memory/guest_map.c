// SPDX-License-Identifier: MIT
// Makes the memory map that a guest is told, from the RAM of its VM.
#include "vmm/memory/guest_map.h"

#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

static void add_range(struct guest_map *map, uint64_t base, uint64_t end,
                      enum guest_range_type type)
{
    if (base < end) {
        map->ranges[map->count++] =
            (struct guest_range){.base = base, .bytes = end - base, .type = type};
    }
}

uint64_t guest_ram_end(const struct guest_memory *memory, uint64_t address)
{
    for (unsigned i = 0; i < memory->extent_count; i++) {
        const struct guest_extent *extent = &memory->extents[i];
        if (address - extent->gpa.value < extent->bytes) {
            return extent->gpa.value + extent->bytes;
        }
    }
    return address;
}

void guest_memory_map(const struct guest_memory *memory, struct guest_map *map)
{
    map->count = 0;
    add_range(map, 0, MIN(guest_ram_end(memory, 0), GUEST_EBDA), GUEST_RANGE_RAM);
    add_range(map, GUEST_EBDA, GUEST_VGA_HOLE, GUEST_RANGE_RESERVED);
    add_range(map, GUEST_FIRMWARE_AREA, GUEST_HIGH_MEMORY, GUEST_RANGE_RESERVED);
    add_range(map, GUEST_HIGH_MEMORY, guest_ram_end(memory, GUEST_HIGH_MEMORY), GUEST_RANGE_RAM);
    add_range(map, GUEST_PCI_CONFIG, GUEST_PCI_CONFIG + GUEST_PCI_CONFIG_BYTES,
              GUEST_RANGE_RESERVED);
    add_range(map, GUEST_HIGH_RAM, guest_ram_end(memory, GUEST_HIGH_RAM), GUEST_RANGE_RAM);
}
