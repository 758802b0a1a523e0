// SPDX-License-Identifier: MIT
// Loads the sections of an ELF file that no segment loads, and writes their table for the guest.
#include "vmm/load/load_elf_sections.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_payload.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The table is copied in one go, so its size is bounded.
#define ELF_SECTIONS_MAX 1024

enum section_type { SECTION_NULL = 0, SECTION_NOBITS = 8 };

struct elf32_section {
    uint32_t name;
    uint32_t type;
    uint32_t flags;
    uint32_t addr;
    uint32_t offset;
    uint32_t size;
    uint32_t rest[4];
};
static_assert(sizeof(struct elf32_section) == 40, "Elf32_Shdr");

struct elf64_section {
    uint32_t name;
    uint32_t type;
    uint64_t flags;
    uint64_t addr;
    uint64_t offset;
    uint64_t size;
    uint64_t rest[3];
};
static_assert(sizeof(struct elf64_section) == 64, "Elf64_Shdr");

uint64_t elf_sections_bytes(const struct elf_sections *sections)
{
    return (uint64_t)sections->count * sections->entry_bytes;
}

enum status elf_sections_open(const struct elf_image *image, struct elf_sections *sections,
                              struct reason *why)
{
    uint64_t size = image->payload->size;
    unsigned entry_bytes =
        image->class == ELF_CLASS_64 ? sizeof(struct elf64_section) : sizeof(struct elf32_section);
    *sections = (struct elf_sections){.image = image,
                                      .count = image->section_count,
                                      .entry_bytes = entry_bytes,
                                      .names = image->section_names};
    if (sections->count == 0) {
        return STATUS_OK;
    }
    if (sections->count > ELF_SECTIONS_MAX) {
        return refuse(why, STATUS_RANGE, "ELF e_shnum is %u: expected %d at most", sections->count,
                      ELF_SECTIONS_MAX);
    }
    if (image->section_entry_bytes != entry_bytes) {
        return refuse(why, STATUS_INVALID, "ELF e_shentsize is %u: expected %u",
                      image->section_entry_bytes, entry_bytes);
    }
    if (image->section_table > size || elf_sections_bytes(sections) > size - image->section_table) {
        return refuse(why, STATUS_INVALID,
                      "ELF e_shoff is %#llx: %u section headers are not in the file of %#llx bytes",
                      (unsigned long long)image->section_table, sections->count,
                      (unsigned long long)size);
    }
    sections->table = image->payload->bytes + image->section_table;
    return STATUS_OK;
}

// Section `index` of the file in the form of ELF64's.
static struct elf64_section section_at(const struct elf_sections *sections, unsigned index)
{
    struct elf64_section wide;
    struct elf32_section narrow;
    const uint8_t *from = sections->table + (uint64_t)index * sections->entry_bytes;
    if (sections->entry_bytes == sizeof(wide)) {
        memcpy(&wide, from, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, from, sizeof(narrow));
    return (struct elf64_section){
        .type = narrow.type, .addr = narrow.addr, .offset = narrow.offset, .size = narrow.size};
}

static void write_address(const struct elf_sections *sections, unsigned index, uint8_t *table,
                          uint64_t address)
{
    uint8_t *to = table + (uint64_t)index * sections->entry_bytes;
    if (sections->entry_bytes == sizeof(struct elf64_section)) {
        memcpy(to + offsetof(struct elf64_section, addr), &address, sizeof(uint64_t));
    } else {
        memcpy(to + offsetof(struct elf32_section, addr), &address, sizeof(uint32_t));
    }
}

// Whether a section has contents in the file and no address of its own.
static bool is_to_load(const struct elf64_section *section)
{
    return section->type != SECTION_NULL && section->type != SECTION_NOBITS && section->addr == 0 &&
           section->size != 0;
}

// `room` is how many bytes of the file the sections before this one leave.
static enum status load_section(const struct elf_sections *sections, unsigned index, uint64_t room,
                                struct load_placement *placement, struct load_plan *plan,
                                uint64_t *address, struct reason *why)
{
    struct elf64_section section = section_at(sections, index);
    struct load_piece piece = {.what = "ELF section",
                               .index = index,
                               .offset = section.offset,
                               .file_bytes = section.size,
                               .memory_bytes = section.size};
    enum status status = load_place(placement, "ELF section", section.size, &piece.address, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (section.size > room) {
        return refuse(why, STATUS_INVALID,
                      "ELF section %u: sh_size is %#llx: expected %#llx at most, what the "
                      "sections before it leave of the file",
                      index, (unsigned long long)section.size, (unsigned long long)room);
    }
    *address = piece.address;
    return payload_plan(sections->image->payload, placement->memory, &piece, plan, why);
}

enum status elf_sections_load(const struct elf_sections *sections, uint64_t table,
                              struct load_placement *placement, struct load_plan *plan,
                              struct reason *why)
{
    uint8_t *copy = guest_memory_at(placement->memory, gpa(table), elf_sections_bytes(sections));
    uint64_t used = 0; // of the file's bytes
    for (unsigned i = 0; i < sections->count; i++) {
        struct elf64_section section = section_at(sections, i);
        uint64_t address = 0;
        if (!is_to_load(&section)) {
            continue;
        }
        enum status status = load_section(sections, i, sections->image->payload->size - used,
                                          placement, plan, &address, why);
        if (status != STATUS_OK) {
            return status;
        }
        used += section.size;
        write_address(sections, i, copy, address);
    }
    return STATUS_OK;
}
