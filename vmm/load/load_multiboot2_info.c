// SPDX-License-Identifier: MIT
// Writes the boot information of Multiboot 2 (Multiboot2 Specification 2.0, 3.6).
#include "vmm/load/load_multiboot2_info.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_elf_sections.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define RSDP_BYTES_1 20 // of ACPI 1.0
#define RSDP_BYTES_2 36 // ACPI 6.4, 5.2.5.3

enum info_type {
    INFO_END = 0,
    INFO_COMMAND_LINE = 1,
    INFO_LOADER_NAME = 2,
    INFO_MODULE = 3,
    INFO_BASIC_MEMORY = 4,
    INFO_MEMORY_MAP = 6,
    INFO_FRAMEBUFFER = 8,
    INFO_ELF_SECTIONS = 9,
    INFO_RSDP_1 = 14,
    INFO_RSDP_2 = 15,
    INFO_LOAD_BASE = 21,
};

enum { FRAMEBUFFER_TEXT = 2 };

struct info_header {
    uint32_t total_size;
    uint32_t reserved;
};

struct info_tag {
    uint32_t type;
    uint32_t size;
};

struct memory_map_header {
    uint32_t entry_size;
    uint32_t entry_version;
};

struct memory_map_entry {
    uint64_t base;
    uint64_t length;
    uint32_t type;
    uint32_t reserved;
};
static_assert(sizeof(struct memory_map_entry) == 24, "as the specification lays it out");

struct PACKED framebuffer {
    uint64_t address;
    uint32_t pitch;
    uint32_t width;
    uint32_t height;
    uint8_t bits;
    uint8_t type;
    uint16_t reserved;
};
static_assert(sizeof(struct framebuffer) == 24, "as the specification lays it out");

struct sections_header {
    uint32_t count;
    uint32_t entry_bytes;
    uint32_t names; // index of the section with the names
};

// What the information is made of, and the addresses of what it points to.
struct information {
    const struct load_request *request;
    const struct multiboot2_image *image;
    const struct guest_memory *memory;
    struct elf_sections sections;
    uint64_t section_table; // address of the copy
    uint64_t modules[LOAD_MODULES_MAX];
};

// Appends a tag: its fixed fields, then what follows them.
static void append_tag(struct load_block *block, enum info_type type, const void *fields,
                       uint64_t field_bytes, const void *rest, uint64_t rest_bytes)
{
    const struct info_tag tag = {
        .type = type, .size = (uint32_t)(sizeof(struct info_tag) + field_bytes + rest_bytes)};
    load_write(block, &tag, sizeof(tag));
    load_write(block, fields, field_bytes);
    load_write(block, rest, rest_bytes);
    load_align(block);
}

static void append_text(struct load_block *block, enum info_type type, const char *text)
{
    append_tag(block, type, NULL, 0, text, strlen(text) + 1);
}

static void append_modules(struct load_block *block, const struct information *info)
{
    for (unsigned i = 0; i < info->request->module_count; i++) {
        const struct payload *module = &info->request->modules[i];
        const uint32_t bounds[] = {(uint32_t)info->modules[i],
                                   (uint32_t)(info->modules[i] + module->size)};
        append_tag(block, INFO_MODULE, bounds, sizeof(bounds), module->command_line,
                   strlen(module->command_line) + 1);
    }
}

static void append_memory(struct load_block *block, const struct guest_memory *memory)
{
    const struct memory_map_header header = {.entry_size = sizeof(struct memory_map_entry)};
    struct memory_map_entry entries[GUEST_RANGES_MAX];
    struct guest_map map;
    const uint32_t basic[] = {
        (uint32_t)(MIN(guest_ram_end(memory, 0), GUEST_EBDA) / KIB),
        (uint32_t)((guest_ram_end(memory, GUEST_HIGH_MEMORY) - GUEST_HIGH_MEMORY) / KIB)};
    guest_memory_map(memory, &map);
    for (unsigned i = 0; i < map.count; i++) {
        entries[i] = (struct memory_map_entry){
            .base = map.ranges[i].base, .length = map.ranges[i].bytes, .type = map.ranges[i].type};
    }
    append_tag(block, INFO_BASIC_MEMORY, basic, sizeof(basic), NULL, 0);
    append_tag(block, INFO_MEMORY_MAP, &header, sizeof(header), entries,
               map.count * sizeof(entries[0]));
}

// The VGA's text mode.
static void append_screen(struct load_block *block)
{
    static const struct framebuffer screen = {.address = 0xb8000,
                                              .pitch = 160,
                                              .width = 80,
                                              .height = 25,
                                              .bits = 16,
                                              .type = FRAMEBUFFER_TEXT};
    append_tag(block, INFO_FRAMEBUFFER, &screen, sizeof(screen), NULL, 0);
}

// Copies of the RSDP, for a kernel that does not look for it itself.
static void append_rsdp(struct load_block *block, const struct guest_memory *memory)
{
    enum { REVISION = 15, RSDT_ADDRESS = 16 };
    static const uint8_t none[sizeof(uint32_t)];
    const uint8_t *rsdp = guest_memory_at(memory, gpa(GUEST_ACPI_RSDP), RSDP_BYTES_2);
    if (!rsdp || memcmp(rsdp, "RSD PTR ", 8) != 0) {
        return;
    }
    if (memcmp(rsdp + RSDT_ADDRESS, none, sizeof(none)) != 0) {
        append_tag(block, INFO_RSDP_1, NULL, 0, rsdp, RSDP_BYTES_1);
    }
    if (rsdp[REVISION] >= 2) {
        append_tag(block, INFO_RSDP_2, NULL, 0, rsdp, RSDP_BYTES_2);
    }
}

static void append_sections(struct load_block *block, struct information *info)
{
    const struct elf_sections *sections = &info->sections;
    const struct sections_header header = {
        .count = sections->count, .entry_bytes = sections->entry_bytes, .names = sections->names};
    if (sections->count == 0) {
        return;
    }
    info->section_table = block->address + block->used + sizeof(struct info_tag) + sizeof(header);
    append_tag(block, INFO_ELF_SECTIONS, &header, sizeof(header), sections->table,
               elf_sections_bytes(sections));
}

static void write_block(struct load_block *block, struct information *info)
{
    const struct load_request *request = info->request;
    const uint32_t base = (uint32_t)info->image->base;
    struct info_header header = {0};
    load_write(block, &header, sizeof(header));
    append_text(block, INFO_COMMAND_LINE, request->payload.command_line);
    append_text(block, INFO_LOADER_NAME, LOADER_NAME);
    append_modules(block, info);
    append_memory(block, info->memory);
    append_screen(block);
    append_sections(block, info);
    append_rsdp(block, info->memory);
    if (info->image->relocatable) {
        append_tag(block, INFO_LOAD_BASE, &base, sizeof(base), NULL, 0);
    }
    append_tag(block, INFO_END, NULL, 0, NULL, 0);
    header.total_size = (uint32_t)block->used;
    if (block->bytes) {
        memcpy(block->bytes, &header, sizeof(header));
    }
}

enum status multiboot2_inform(const struct load_request *request,
                              const struct multiboot2_image *image,
                              const struct guest_memory *memory, uint64_t *address,
                              struct reason *why)
{
    struct information info = {.request = request, .image = image, .memory = memory};
    struct load_placement placement = {.memory = memory, .next = image->end, .end = 4 * GIB};
    struct load_block block = {0};
    if (image->is_elf) {
        enum status opened = elf_sections_open(&image->elf, &info.sections, why);
        if (opened != STATUS_OK) {
            return opened;
        }
    }
    write_block(&block, &info); // this one only measures
    enum status status =
        load_place(&placement, "Multiboot 2 information", block.used, address, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = load_place_modules(request, &placement, info.modules, why);
    if (status != STATUS_OK) {
        return status;
    }
    block = (struct load_block){.bytes = guest_memory_at(memory, gpa(*address), block.used),
                                .address = *address};
    write_block(&block, &info);
    return elf_sections_load(&info.sections, info.section_table, &placement, request->plan, why);
}
