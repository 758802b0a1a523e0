// SPDX-License-Identifier: MIT
// Reads Multiboot2 tags (Multiboot2 specification 3.6). Nothing in them is trusted.
#include "boot/boot_info.h"

#include <stdarg.h>

#include "vmm/util/format.h"
#include "vmm/util/string.h"

#define HEADER_BYTES 8
#define TAG_BYTES 8
#define BIOS_ENTRY_BYTES 20
#define EFI_ENTRY_BYTES 40

enum tag_type {
    TAG_END = 0,
    TAG_COMMAND_LINE = 1,
    TAG_LOADER = 2,
    TAG_MODULE = 3,
    TAG_BASIC_MEMORY = 4,
    TAG_MEMORY_MAP = 6,
    TAG_FRAMEBUFFER = 8,
    TAG_ELF_SECTIONS = 9,
    TAG_EFI32 = 11,
    TAG_EFI64 = 12,
    TAG_RSDP_V1 = 14,
    TAG_RSDP_V2 = 15,
    TAG_EFI_MEMORY_MAP = 17,
};

struct tag {
    uint32_t type;
    uint32_t size; // with TAG_BYTES
    const uint8_t *bytes;
};

// All tags, and the place of the next one.
struct tag_list {
    const uint8_t *bytes;
    uint32_t total;
    uint64_t at;
};

static PRINTF_LIKE(2, 3) void complain(struct boot_info *info, const char *format, ...)
{
    va_list arguments;
    if (info->complaint_count++ > 0) {
        return;
    }
    va_start(arguments, format);
    format_text_v(info->complaint.text, sizeof(info->complaint.text), format, arguments);
    va_end(arguments);
}

// The caller has checked that `bytes` has enough bytes from `offset` on.
static uint32_t u32_at(const uint8_t *bytes, uint64_t offset)
{
    uint32_t value;
    memcpy(&value, bytes + offset, sizeof(value));
    return value;
}

static uint64_t u64_at(const uint8_t *bytes, uint64_t offset)
{
    uint64_t value;
    memcpy(&value, bytes + offset, sizeof(value));
    return value;
}

// Whether the tag has its `needed` fixed bytes.
static bool tag_has(struct boot_info *info, const struct tag *tag, uint32_t needed)
{
    if (tag->size >= needed) {
        return true;
    }
    complain(info, "Multiboot2 tag %u has %u bytes, at least %u expected", tag->type, tag->size,
             needed);
    return false;
}

// The text from `offset` to the end of the tag. It should end with a NUL inside the tag.
static void read_text(struct boot_info *info, const struct tag *tag, uint32_t offset, char *text,
                      size_t size)
{
    size_t length = 0;
    size_t room = tag->size - offset;
    while (length < room && tag->bytes[offset + length] != '\0') {
        length++;
    }
    if (length == room) {
        complain(info, "the text of Multiboot2 tag %u has no end", tag->type);
    }
    if (length >= size) {
        complain(info, "the text of Multiboot2 tag %u was cut to %zu characters", tag->type,
                 size - 1);
    }
    length = MIN(length, size - 1);
    memcpy(text, tag->bytes + offset, length);
    text[length] = '\0';
}

static void read_module(struct boot_info *info, const struct tag *tag)
{
    if (!tag_has(info, tag, 16)) {
        return;
    }
    uint32_t start = u32_at(tag->bytes, 8);
    uint32_t end = u32_at(tag->bytes, 12);
    if (end < start) {
        complain(info, "module %u ends at %#x before it starts at %#x", info->module_count, end,
                 start);
        return;
    }
    if (info->module_count == BOOT_MODULES_MAX) {
        complain(info, "more than %u modules", BOOT_MODULES_MAX);
        return;
    }
    struct boot_module *module = &info->modules[info->module_count++];
    module->start = start;
    module->bytes = end - start;
    read_text(info, tag, 16, module->command_line, sizeof(module->command_line));
}

// The memory maps have entries of a size that they state. Both kinds of map begin alike.
static bool has_entries(const struct tag *tag, uint32_t least_bytes)
{
    return tag->size >= 16 && u32_at(tag->bytes, 8) >= least_bytes;
}

static void check_entries(struct boot_info *info, const struct tag *tag, uint32_t least_bytes)
{
    if (tag_has(info, tag, 16) && !has_entries(tag, least_bytes)) {
        complain(info, "memory map entries of %u bytes, at least %u expected",
                 u32_at(tag->bytes, 8), least_bytes);
    }
}

static void claim(struct memory_map *map, bool usable, uint64_t start, uint64_t bytes)
{
    if (usable) {
        memory_map_add(map, start, bytes);
    } else {
        memory_map_remove(map, start, bytes);
    }
}

// Reads the claims that memory is usable, or else all others. The BIOS calls usable memory type 1
// (ACPI 6.4 table 15.5).
static void read_memory_map(struct memory_map *map, const struct tag *tag, bool usable)
{
    uint32_t entry_bytes = u32_at(tag->bytes, 8);
    for (uint64_t at = 16; at + entry_bytes <= tag->size; at += entry_bytes) {
        if ((u32_at(tag->bytes, at + 16) == 1) == usable) {
            claim(map, usable, u64_at(tag->bytes, at), u64_at(tag->bytes, at + 8));
        }
    }
}

// Whether memory of this type is free after the end of the boot services (UEFI 2.9 table 7-6).
static bool efi_usable(uint32_t type)
{
    switch (type) {
    case 1: // loader code and data, boot services code and data, conventional memory
    case 2:
    case 3:
    case 4:
    case 7:
        return true;
    default:
        return false;
    }
}

static void read_efi_memory_map(struct memory_map *map, const struct tag *tag, bool usable)
{
    uint32_t entry_bytes = u32_at(tag->bytes, 8);
    for (uint64_t at = 16; at + entry_bytes <= tag->size; at += entry_bytes) {
        if (efi_usable(u32_at(tag->bytes, at)) == usable) {
            uint64_t pages = MIN(u64_at(tag->bytes, at + 24), UINT64_MAX / PAGE_SIZE);
            claim(map, usable, u64_at(tag->bytes, at + 8), pages * PAGE_SIZE);
        }
    }
}

static void read_basic_memory(struct memory_map *map, const struct tag *tag)
{
    memory_map_add(map, 0, u32_at(tag->bytes, 8) * KIB);
    memory_map_add(map, MIB, u32_at(tag->bytes, 12) * KIB);
}

static void read_framebuffer(struct boot_info *info, const struct tag *tag)
{
    if (!tag_has(info, tag, 32)) {
        return;
    }
    uint8_t type = tag->bytes[29];
    struct boot_framebuffer *screen = &info->framebuffer;
    *screen = (struct boot_framebuffer){
        .physical = u64_at(tag->bytes, 8),
        .pitch = u32_at(tag->bytes, 16),
        .width = u32_at(tag->bytes, 20),
        .height = u32_at(tag->bytes, 24),
        .bits_per_pixel = tag->bytes[28],
    };
    if (type == 2) {
        screen->kind = SCREEN_TEXT;
    } else if (type == 1 && tag_has(info, tag, 38)) {
        screen->kind = SCREEN_PIXELS;
        screen->red = (struct boot_colour){tag->bytes[32], tag->bytes[33]};
        screen->green = (struct boot_colour){tag->bytes[34], tag->bytes[35]};
        screen->blue = (struct boot_colour){tag->bytes[36], tag->bytes[37]};
    }
}

#define SECTION_BYTES 64 // Elf64_Shdr
#define SECTION_SYMBOLS 2
#define SECTION_NAMES 3

static struct memory_span section_span(const uint8_t *section)
{
    return (struct memory_span){.start = u64_at(section, 16), .bytes = u64_at(section, 32)};
}

static void read_elf_sections(struct boot_info *info, const struct tag *tag)
{
    if (!tag_has(info, tag, 20)) {
        return;
    }
    uint32_t count = u32_at(tag->bytes, 8);
    if (u32_at(tag->bytes, 12) != SECTION_BYTES || count > (tag->size - 20) / SECTION_BYTES) {
        complain(info, "%u ELF section headers of %u bytes do not fit their tag", count,
                 u32_at(tag->bytes, 12));
        return;
    }
    const uint8_t *sections = tag->bytes + 20;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *section = sections + (uint64_t)i * SECTION_BYTES;
        uint32_t link = u32_at(section, 40);
        if (u32_at(section, 4) != SECTION_SYMBOLS || link >= count) {
            continue;
        }
        const uint8_t *names = sections + (uint64_t)link * SECTION_BYTES;
        if (u32_at(names, 4) != SECTION_NAMES) {
            continue;
        }
        info->symbols = section_span(section);
        info->symbol_names = section_span(names);
    }
}

// The newer of the two versions counts, in whichever order they come.
static void read_rsdp(struct boot_info *info, const struct tag *tag, unsigned bytes)
{
    if (!tag_has(info, tag, TAG_BYTES + bytes) || info->rsdp_bytes > bytes) {
        return;
    }
    memcpy(info->rsdp, tag->bytes + TAG_BYTES, bytes);
    info->rsdp_bytes = bytes;
}

static void read_tag(struct boot_info *info, const struct tag *tag)
{
    switch (tag->type) {
    case TAG_COMMAND_LINE:
        read_text(info, tag, TAG_BYTES, info->command_line, sizeof(info->command_line));
        break;
    case TAG_LOADER:
        read_text(info, tag, TAG_BYTES, info->loader, sizeof(info->loader));
        break;
    case TAG_MODULE:
        read_module(info, tag);
        break;
    case TAG_FRAMEBUFFER:
        read_framebuffer(info, tag);
        break;
    case TAG_ELF_SECTIONS:
        read_elf_sections(info, tag);
        break;
    case TAG_BASIC_MEMORY:
        (void)tag_has(info, tag, 16);
        break;
    case TAG_MEMORY_MAP:
        check_entries(info, tag, BIOS_ENTRY_BYTES);
        break;
    case TAG_EFI_MEMORY_MAP:
        check_entries(info, tag, EFI_ENTRY_BYTES);
        info->efi = true;
        break;
    case TAG_EFI32:
    case TAG_EFI64:
        info->efi = true;
        break;
    case TAG_RSDP_V1:
        read_rsdp(info, tag, 20);
        break;
    case TAG_RSDP_V2:
        read_rsdp(info, tag, 36);
        break;
    default: // the memory maps' contents are read later, other tags are not needed
        break;
    }
}

// Gives the next tag. STATUS_NOT_FOUND: it is the end tag. STATUS_INVALID: it is no tag.
static enum status next_tag(struct tag_list *list, struct tag *tag)
{
    if (list->at + TAG_BYTES > list->total) {
        return STATUS_INVALID;
    }
    tag->bytes = list->bytes + list->at;
    tag->type = u32_at(tag->bytes, 0);
    tag->size = u32_at(tag->bytes, 4);
    if (tag->type == TAG_END) {
        return STATUS_NOT_FOUND;
    }
    if (tag->size < TAG_BYTES || tag->size > list->total - list->at) {
        return STATUS_INVALID;
    }
    list->at += ALIGN_UP((uint64_t)tag->size, 8);
    return STATUS_OK;
}

static void read_tags(struct boot_info *info, struct tag_list list)
{
    struct tag tag;
    enum status status = next_tag(&list, &tag);
    while (status == STATUS_OK) {
        read_tag(info, &tag);
        status = next_tag(&list, &tag);
    }
    if (status == STATUS_INVALID) {
        complain(info, "the Multiboot2 tags end at byte %lu of %u without an end tag", list.at,
                 list.total);
    }
}

static void read_claims(struct boot_info *info, struct tag_list list, enum tag_type source,
                        bool usable)
{
    struct tag tag;
    while (next_tag(&list, &tag) == STATUS_OK) {
        if (tag.type != source) {
            continue;
        }
        if (source == TAG_MEMORY_MAP && has_entries(&tag, BIOS_ENTRY_BYTES)) {
            read_memory_map(&info->memory, &tag, usable);
        } else if (source == TAG_EFI_MEMORY_MAP && has_entries(&tag, EFI_ENTRY_BYTES)) {
            read_efi_memory_map(&info->memory, &tag, usable);
        } else if (source == TAG_BASIC_MEMORY && tag.size >= 16 && usable) {
            read_basic_memory(&info->memory, &tag);
        }
    }
}

static void read_memory(struct boot_info *info, struct tag_list list, enum tag_type source)
{
    memset(&info->memory, 0, sizeof(info->memory));
    read_claims(info, list, source, true);
    read_claims(info, list, source, false);
    memory_map_trim(&info->memory);
    if (info->memory.left_out > 0) {
        complain(info, "more than %u pieces of memory: %u small ones are not used",
                 MEMORY_SPANS_MAX, info->memory.left_out);
    }
}

enum status boot_info_parse(const void *bytes, uint64_t size, struct boot_info *info,
                            struct reason *why)
{
    static const enum tag_type sources[] = {TAG_MEMORY_MAP, TAG_EFI_MEMORY_MAP, TAG_BASIC_MEMORY};
    memset(info, 0, sizeof(*info));
    if (size < HEADER_BYTES) {
        return refuse(why, STATUS_INVALID, "no room for Multiboot2 tags");
    }
    struct tag_list list = {.bytes = bytes, .total = u32_at(bytes, 0), .at = HEADER_BYTES};
    if (list.total < HEADER_BYTES || list.total > size) {
        return refuse(why, STATUS_INVALID, "the Multiboot2 tags claim %u bytes of %lu", list.total,
                      size);
    }
    read_tags(info, list);
    for (unsigned i = 0; i < ARRAY_SIZE(sources) && info->memory.count == 0; i++) {
        read_memory(info, list, sources[i]);
    }
    return info->memory.count > 0
               ? STATUS_OK
               : refuse(why, STATUS_INVALID, "the boot loader gave no memory map");
}
