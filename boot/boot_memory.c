// SPDX-License-Identifier: MIT
// Tells which memory the boot loader's data occupies, and until when.
#include "boot/boot_memory.h"

#include "boot/memory_map.h"

void boot_memory_fill(struct boot_memory *memory, const struct boot_info *info)
{
    unsigned modules = info->module_count;
    for (unsigned i = 0; i < modules; i++) {
        memory->occupied[i] =
            (struct memory_span){.start = info->modules[i].start, .bytes = info->modules[i].bytes};
    }
    memory->occupied[modules] = info->symbols;
    memory->occupied[modules + 1] = info->symbol_names;
    memory->at_boot = (struct machine_memory){.usable = info->memory.spans,
                                              .usable_count = info->memory.count,
                                              .occupied = memory->occupied,
                                              .occupied_count = modules + 2};
    memory->later = memory->at_boot;
    memory->later.occupied_count = modules;
}
