// SPDX-License-Identifier: MIT
// Finds a Multiboot 2 header and reads its tags (Multiboot2 Specification 2.0, 3.1).
#include "vmm/load/load_multiboot2_header.h"

#include "vmm/load/load.h"
#include "vmm/load/load_payload.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define HEADER_SEARCH_BYTES 32768
#define HEADER_ALIGNMENT 8
#define HEADER_MAGIC 0xe85250d6U
#define ARCHITECTURE_I386 0

enum tag_type {
    TAG_END,
    TAG_INFORMATION_REQUEST,
    TAG_ADDRESS,
    TAG_ENTRY_ADDRESS,
    TAG_CONSOLE_FLAGS,
    TAG_FRAMEBUFFER,
    TAG_MODULE_ALIGNMENT,
    TAG_EFI_BOOT_SERVICES,
    TAG_EFI_I386_ENTRY,
    TAG_EFI_AMD64_ENTRY,
    TAG_RELOCATABLE,
    TAG_TYPES
};

enum tag_flags { TAG_OPTIONAL = BIT(0) };
enum console_flags { CONSOLE_REQUIRED = BIT(0), CONSOLE_TEXT = BIT(1) };
enum { PREFERENCE_HIGHEST = 2 };

struct fixed_header {
    uint32_t magic;
    uint32_t architecture;
    uint32_t header_length;
    uint32_t checksum;
};

struct tag {
    uint16_t type;
    uint16_t flags;
    uint32_t size;
};

// A tag with its first fields. Fields after the end of a short tag are 0.
struct long_tag {
    struct tag tag;
    uint32_t fields[4];
};

// The least size of each kind of tag, in bytes.
static const uint32_t least_sizes[] = {
    [TAG_END] = 8,
    [TAG_INFORMATION_REQUEST] = 8,
    [TAG_ADDRESS] = 24,
    [TAG_ENTRY_ADDRESS] = 12,
    [TAG_CONSOLE_FLAGS] = 12,
    [TAG_FRAMEBUFFER] = 20,
    [TAG_MODULE_ALIGNMENT] = 8,
    [TAG_EFI_BOOT_SERVICES] = 8,
    [TAG_EFI_I386_ENTRY] = 12,
    [TAG_EFI_AMD64_ENTRY] = 12,
    [TAG_RELOCATABLE] = 24,
};
static_assert(ARRAY_SIZE(least_sizes) == TAG_TYPES, "a size for each type");

// The information that a header can ask for and that Husk does not give. NULL: Husk gives it.
static const char *const missing_information[] = {
    [0] = NULL, // the end
    [1] = NULL,
    [2] = NULL,
    [3] = NULL,
    [4] = NULL,
    [5] = "the BIOS boot device",
    [6] = NULL,
    [7] = "VBE",
    [8] = NULL,
    [9] = NULL,
    [10] = "the APM table",
    [11] = "EFI's 32-bit system table",
    [12] = "EFI's 64-bit system table",
    [13] = "the SMBIOS tables",
    [14] = NULL,
    [15] = NULL,
    [16] = "the network",
    [17] = "EFI's memory map",
    [18] = "EFI's boot services",
    [19] = "EFI's 32-bit image handle",
    [20] = "EFI's 64-bit image handle",
    [21] = NULL,
};

// `offset` becomes the start of the header. False: there is none.
static bool find_header(const struct payload *payload, struct fixed_header *header,
                        uint64_t *offset)
{
    uint64_t last = HEADER_SEARCH_BYTES - sizeof(*header);
    for (uint64_t at = 0; at <= last && payload_read(payload, at, header, sizeof(*header));
         at += HEADER_ALIGNMENT) {
        if (header->magic == HEADER_MAGIC &&
            (uint32_t)(header->magic + header->architecture + header->header_length +
                       header->checksum) == 0) {
            *offset = at;
            return true;
        }
    }
    return false;
}

bool multiboot2_recognise(const struct payload *payload)
{
    struct fixed_header header;
    uint64_t offset;
    return find_header(payload, &header, &offset);
}

static enum status read_request(const struct payload *payload, uint64_t offset,
                                const struct tag *tag, struct reason *why)
{
    uint32_t type;
    if ((tag->flags & TAG_OPTIONAL) != 0) {
        return STATUS_OK;
    }
    for (uint64_t at = sizeof(*tag); at + sizeof(type) <= tag->size; at += sizeof(type)) {
        // The whole tag is in the file.
        if (!payload_read(payload, offset + at, &type, sizeof(type)) ||
            type >= ARRAY_SIZE(missing_information) || missing_information[type]) {
            return refuse(
                why, STATUS_UNSUPPORTED,
                "Multiboot 2 information request: %u, %s, is required but not there", type,
                type < ARRAY_SIZE(missing_information) ? missing_information[type] : "unknown");
        }
    }
    return STATUS_OK;
}

// A VM's only screen is in text mode.
static enum status read_console_flags(uint32_t flags, struct reason *why)
{
    if ((flags & CONSOLE_REQUIRED) != 0 && (flags & CONSOLE_TEXT) == 0) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "Multiboot 2 console_flags is %#x: a console is required, but not text",
                      flags);
    }
    return STATUS_OK;
}

static enum status read_relocatable(const uint32_t *fields, struct multiboot2_header *header,
                                    struct reason *why)
{
    uint32_t align = fields[2] != 0 ? fields[2] : 1;
    if ((align & (align - 1)) != 0) {
        return refuse(why, STATUS_INVALID, "Multiboot 2 align is %#x: expected a power of two",
                      align);
    }
    header->relocatable = true;
    header->min_addr = fields[0];
    header->max_addr = fields[1];
    header->align = align;
    header->highest = fields[3] == PREFERENCE_HIGHEST;
    return STATUS_OK;
}

static enum status read_tag(const struct payload *payload, uint64_t offset,
                            const struct long_tag *at, struct multiboot2_header *header,
                            struct reason *why)
{
    const struct tag *tag = &at->tag;
    switch (tag->type) {
    case TAG_INFORMATION_REQUEST:
        return read_request(payload, offset, tag, why);
    case TAG_ADDRESS:
        header->has_addresses = true;
        header->header_addr = at->fields[0];
        header->load_addr = at->fields[1];
        header->load_end_addr = at->fields[2];
        header->bss_end_addr = at->fields[3];
        return STATUS_OK;
    case TAG_ENTRY_ADDRESS:
        header->has_entry = true;
        header->entry_addr = at->fields[0];
        return STATUS_OK;
    case TAG_CONSOLE_FLAGS:
        return read_console_flags(at->fields[0], why);
    case TAG_RELOCATABLE:
        return read_relocatable(at->fields, header, why);
    case TAG_FRAMEBUFFER:       // only a wish; the information says that there is a text screen
    case TAG_MODULE_ALIGNMENT:  // modules always are aligned
    case TAG_EFI_BOOT_SERVICES: // these three are for a start by EFI, which Husk's is not
    case TAG_EFI_I386_ENTRY:
    case TAG_EFI_AMD64_ENTRY:
        return STATUS_OK;
    default:
        return (tag->flags & TAG_OPTIONAL) != 0
                   ? STATUS_OK
                   : refuse(why, STATUS_UNSUPPORTED,
                            "Multiboot 2 header tag %u: required but unknown, known are 0 to %d",
                            tag->type, TAG_TYPES - 1);
    }
}

// Reads one tag, and checks its size against the header's end.
static enum status check_tag(const struct payload *payload, uint64_t offset, uint64_t end,
                             struct long_tag *at, struct reason *why)
{
    struct tag *tag = &at->tag;
    uint32_t least;
    *at = (struct long_tag){.tag = {0}};
    if (end - offset < sizeof(*tag) || !payload_read(payload, offset, tag, sizeof(*tag))) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot 2 header: it ends at %#llx without an end tag",
                      (unsigned long long)end);
    }
    least = tag->type < TAG_TYPES ? least_sizes[tag->type] : sizeof(*tag);
    if (tag->size < least || tag->size > end - offset ||
        !payload_read(payload, offset, at, MIN(tag->size, sizeof(*at)))) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot 2 header tag %u: size is %#x, expected %u to %llu", tag->type,
                      tag->size, least, (unsigned long long)(end - offset));
    }
    return STATUS_OK;
}

static enum status read_tags(const struct payload *payload, uint64_t offset, uint64_t end,
                             struct multiboot2_header *header, struct reason *why)
{
    struct long_tag at;
    for (;;) {
        enum status status = check_tag(payload, offset, end, &at, why);
        if (status != STATUS_OK || at.tag.type == TAG_END) {
            return status;
        }
        status = read_tag(payload, offset, &at, header, why);
        if (status != STATUS_OK) {
            return status;
        }
        // A tag has at least 8 bytes, so the loop ends. Padding may reach past the header's end.
        offset = MIN(ALIGN_UP(offset + at.tag.size, HEADER_ALIGNMENT), end);
    }
}

enum status multiboot2_read_header(const struct payload *payload, struct multiboot2_header *header,
                                   struct reason *why)
{
    struct fixed_header fixed;
    uint64_t offset;
    uint64_t room;
    *header = (struct multiboot2_header){0};
    if (!find_header(payload, &fixed, &offset)) {
        return refuse(why, STATUS_INVALID,
                      "no Multiboot 2 header with a valid checksum in the first %d bytes",
                      HEADER_SEARCH_BYTES);
    }
    if (fixed.architecture != ARCHITECTURE_I386) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "Multiboot 2 architecture is %u: expected 0, 32-bit protected mode of x86",
                      fixed.architecture);
    }
    room = MIN(payload->size, HEADER_SEARCH_BYTES) - offset;
    if (fixed.header_length < sizeof(fixed) || fixed.header_length > room) {
        return refuse(why, STATUS_RANGE,
                      "Multiboot 2 header_length is %#x: expected %zu to %llu at offset %#llx",
                      fixed.header_length, sizeof(fixed), (unsigned long long)room,
                      (unsigned long long)offset);
    }
    header->offset = offset;
    return read_tags(payload, offset + sizeof(fixed), offset + fixed.header_length, header, why);
}
