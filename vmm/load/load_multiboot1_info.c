// SPDX-License-Identifier: MIT
// Writes the boot information of Multiboot 1 (Specification 0.6.96, 3.3).
#include "vmm/load/load_multiboot1_info.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

enum info_flags {
    INFO_MEMORY = BIT(0),
    INFO_COMMAND_LINE = BIT(2),
    INFO_MODULES = BIT(3),
    INFO_MEMORY_MAP = BIT(6),
    INFO_LOADER_NAME = BIT(9),
};

struct multiboot1_info {
    uint32_t flags;
    uint32_t mem_lower; // KiB from 0
    uint32_t mem_upper; // KiB from 1 MiB to the first hole
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count;
    uint32_t mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length;
    uint32_t mmap_addr;
    uint32_t drives_length;
    uint32_t drives_addr;
    uint32_t config_table;
    uint32_t boot_loader_name;
    uint32_t apm_table;
    uint32_t vbe[4];
    uint32_t framebuffer[7];
};
static_assert(sizeof(struct multiboot1_info) == 116, "as the specification lays it out");
static_assert(offsetof(struct multiboot1_info, mmap_length) == 44, "mmap_length");
static_assert(offsetof(struct multiboot1_info, boot_loader_name) == 64, "boot_loader_name");

struct multiboot1_module {
    uint32_t mod_start;
    uint32_t mod_end; // one past the last byte
    uint32_t string;
    uint32_t reserved;
};

struct PACKED memory_map_entry {
    uint32_t size; // of the rest of the entry
    uint64_t base;
    uint64_t length;
    uint32_t type;
};
static_assert(sizeof(struct memory_map_entry) == 24, "as the specification lays it out");

// Appends the memory map. Returns its size in bytes.
static uint32_t append_memory_map(struct load_block *block, const struct guest_memory *memory,
                                  uint32_t *address)
{
    struct memory_map_entry entries[GUEST_RANGES_MAX];
    struct guest_map map;
    uint32_t bytes;
    guest_memory_map(memory, &map);
    for (unsigned i = 0; i < map.count; i++) {
        entries[i] = (struct memory_map_entry){.size = sizeof(entries[i]) - sizeof(uint32_t),
                                               .base = map.ranges[i].base,
                                               .length = map.ranges[i].bytes,
                                               .type = map.ranges[i].type};
    }
    bytes = map.count * (uint32_t)sizeof(entries[0]);
    *address = (uint32_t)load_append(block, entries, bytes);
    return bytes;
}

static uint32_t append_text(struct load_block *block, const char *text)
{
    return (uint32_t)load_append(block, text, strlen(text) + 1);
}

static uint32_t append_modules(struct load_block *block, const struct load_request *request,
                               const uint64_t *addresses)
{
    struct multiboot1_module modules[LOAD_MODULES_MAX];
    for (unsigned i = 0; i < request->module_count; i++) {
        const struct payload *module = &request->modules[i];
        modules[i] = (struct multiboot1_module){.mod_start = (uint32_t)addresses[i],
                                                .mod_end = (uint32_t)(addresses[i] + module->size),
                                                .string = append_text(block, module->command_line)};
    }
    return (uint32_t)load_append(block, modules, request->module_count * sizeof(modules[0]));
}

// Writes the whole block: the information, then everything that it points to.
static void write_block(struct load_block *block, const struct load_request *request,
                        const struct guest_memory *memory, const uint64_t *modules)
{
    struct multiboot1_info info = {.flags = INFO_MEMORY | INFO_COMMAND_LINE | INFO_MODULES |
                                            INFO_MEMORY_MAP | INFO_LOADER_NAME};
    (void)load_append(block, &info, sizeof(info));
    info.mem_lower = (uint32_t)(MIN(guest_ram_end(memory, 0), GUEST_EBDA) / KIB);
    info.mem_upper =
        (uint32_t)((guest_ram_end(memory, GUEST_HIGH_MEMORY) - GUEST_HIGH_MEMORY) / KIB);
    info.mmap_length = append_memory_map(block, memory, &info.mmap_addr);
    info.cmdline = append_text(block, request->payload.command_line);
    info.boot_loader_name = append_text(block, LOADER_NAME);
    info.mods_count = request->module_count;
    info.mods_addr = append_modules(block, request, modules);
    if (block->bytes) {
        memcpy(block->bytes, &info, sizeof(info));
    }
}

enum status multiboot1_inform(const struct load_request *request, struct load_placement *placement,
                              uint64_t *info, struct reason *why)
{
    uint64_t modules[LOAD_MODULES_MAX] = {0};
    const struct guest_memory *memory = placement->memory;
    struct load_block block = {0};
    enum status status;
    write_block(&block, request, memory, modules); // this one only measures
    status = load_place(placement, "Multiboot information", block.used, info, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = load_place_modules(request, placement, modules, why);
    if (status != STATUS_OK) {
        return status;
    }
    block = (struct load_block){.bytes = guest_memory_at(memory, gpa(*info), block.used),
                                .address = *info};
    write_block(&block, request, memory, modules);
    return STATUS_OK;
}

enum status multiboot1_measure(const struct load_request *request,
                               const struct guest_memory *memory, uint64_t *bytes,
                               struct reason *why)
{
    static const uint64_t nowhere[LOAD_MODULES_MAX];
    struct load_block block = {0};
    write_block(&block, request, memory, nowhere);
    *bytes = ALIGN_UP(block.used, PAGE_SIZE);
    for (unsigned i = 0; i < request->module_count; i++) {
        if (request->modules[i].size > guest_memory_size(memory)) {
            return refuse(why, STATUS_NO_MEMORY,
                          "module %u of %llu KiB is larger than the VM's RAM of %llu KiB", i,
                          (unsigned long long)(request->modules[i].size / KIB),
                          (unsigned long long)(guest_memory_size(memory) / KIB));
        }
        *bytes += ALIGN_UP(request->modules[i].size, PAGE_SIZE);
    }
    return STATUS_OK;
}
