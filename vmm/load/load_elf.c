// SPDX-License-Identifier: MIT
// Reads and loads ELF executables (System V ABI, "Object Files" and "Program Loading").
#include "vmm/load/load_elf.h"

#include "vmm/load/load.h"
#include "vmm/load/load_payload.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define ELF_PROGRAM_HEADERS_MAX 64

enum elf_constants {
    ELF_DATA_LITTLE_ENDIAN = 1,
    ELF_TYPE_EXECUTABLE = 2,
    ELF_MACHINE_386 = 3,
    ELF_MACHINE_X86_64 = 62,
    ELF_SEGMENT_LOAD = 1,
};

struct elf_identification {
    uint8_t magic[4];
    uint8_t class;
    uint8_t data;
    uint8_t rest[10];
};

struct elf32_header {
    struct elf_identification ident;
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint32_t entry;
    uint32_t phoff;
    uint32_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};
static_assert(sizeof(struct elf32_header) == 52, "Elf32_Ehdr");

struct elf64_header {
    struct elf_identification ident;
    uint16_t type;
    uint16_t machine;
    uint32_t version;
    uint64_t entry;
    uint64_t phoff;
    uint64_t shoff;
    uint32_t flags;
    uint16_t ehsize;
    uint16_t phentsize;
    uint16_t phnum;
    uint16_t shentsize;
    uint16_t shnum;
    uint16_t shstrndx;
};
static_assert(sizeof(struct elf64_header) == 64, "Elf64_Ehdr");

struct elf32_program_header {
    uint32_t type;
    uint32_t offset;
    uint32_t vaddr;
    uint32_t paddr;
    uint32_t filesz;
    uint32_t memsz;
    uint32_t flags;
    uint32_t align;
};
static_assert(sizeof(struct elf32_program_header) == 32, "Elf32_Phdr");

struct elf64_program_header {
    uint32_t type;
    uint32_t flags;
    uint64_t offset;
    uint64_t vaddr;
    uint64_t paddr;
    uint64_t filesz;
    uint64_t memsz;
    uint64_t align;
};
static_assert(sizeof(struct elf64_program_header) == 56, "Elf64_Phdr");

enum elf_class elf_recognise(const struct payload *payload)
{
    static const uint8_t magic[] = {0x7f, 'E', 'L', 'F'};
    struct elf_identification ident;
    if (!payload_read(payload, 0, &ident, sizeof(ident)) ||
        memcmp(ident.magic, magic, sizeof(magic)) != 0) {
        return ELF_CLASS_NONE;
    }
    return ident.class == ELF_CLASS_32 || ident.class == ELF_CLASS_64 ? ident.class
                                                                      : ELF_CLASS_NONE;
}

// The header of an ELF32 file in the form of ELF64's.
static bool read_header32(const struct payload *payload, struct elf64_header *header)
{
    struct elf32_header narrow;
    if (!payload_read(payload, 0, &narrow, sizeof(narrow))) {
        return false;
    }
    *header = (struct elf64_header){.ident = narrow.ident,
                                    .type = narrow.type,
                                    .machine = narrow.machine,
                                    .entry = narrow.entry,
                                    .phoff = narrow.phoff,
                                    .phentsize = narrow.phentsize,
                                    .phnum = narrow.phnum,
                                    .shoff = narrow.shoff,
                                    .shentsize = narrow.shentsize,
                                    .shnum = narrow.shnum,
                                    .shstrndx = narrow.shstrndx};
    return true;
}

static enum status check_header(const struct elf64_header *header, bool wide, struct reason *why)
{
    unsigned machine = wide ? ELF_MACHINE_X86_64 : ELF_MACHINE_386;
    unsigned entry_bytes =
        wide ? sizeof(struct elf64_program_header) : sizeof(struct elf32_program_header);
    if (header->ident.data != ELF_DATA_LITTLE_ENDIAN) {
        return refuse(why, STATUS_INVALID, "ELF e_ident[EI_DATA] is %u: expected 1, little endian",
                      header->ident.data);
    }
    if (header->type != ELF_TYPE_EXECUTABLE) {
        return refuse(why, STATUS_INVALID,
                      "ELF e_type is %u: expected 2, an executable at a fixed "
                      "address",
                      header->type);
    }
    if (header->machine != machine) {
        return refuse(why, STATUS_INVALID, "ELF e_machine is %u: expected %u", header->machine,
                      machine);
    }
    if (header->phentsize != entry_bytes) {
        return refuse(why, STATUS_INVALID, "ELF e_phentsize is %u: expected %u", header->phentsize,
                      entry_bytes);
    }
    if (header->phnum == 0 || header->phnum > ELF_PROGRAM_HEADERS_MAX) {
        return refuse(why, STATUS_RANGE, "ELF e_phnum is %u: expected 1 to %d", header->phnum,
                      ELF_PROGRAM_HEADERS_MAX);
    }
    return STATUS_OK;
}

enum status elf_open(const struct payload *payload, struct elf_image *image, struct reason *why)
{
    enum elf_class class = elf_recognise(payload);
    bool wide = class == ELF_CLASS_64;
    struct elf64_header header;
    uint64_t table_bytes;
    enum status status;
    if (class == ELF_CLASS_NONE) {
        return refuse(why, STATUS_INVALID, "not an ELF file: no 7f 45 4c 46 at its start");
    }
    if (wide ? !payload_read(payload, 0, &header, sizeof(header))
             : !read_header32(payload, &header)) {
        return refuse(why, STATUS_INVALID, "ELF header: the file ends after %llu bytes",
                      (unsigned long long)payload->size);
    }
    status = check_header(&header, wide, why);
    if (status != STATUS_OK) {
        return status;
    }
    table_bytes = (uint64_t)header.phnum * header.phentsize;
    if (header.phoff > payload->size || table_bytes > payload->size - header.phoff) {
        return refuse(why, STATUS_INVALID,
                      "ELF e_phoff is %#llx: %u program headers are not in the file of %#llx bytes",
                      (unsigned long long)header.phoff, header.phnum,
                      (unsigned long long)payload->size);
    }
    *image = (struct elf_image){.payload = payload,
                                .class = class,
                                .entry = header.entry,
                                .table = header.phoff,
                                .count = header.phnum,
                                .section_table = header.shoff,
                                .section_count = header.shnum,
                                .section_entry_bytes = header.shentsize,
                                .section_names = header.shstrndx};
    return STATUS_OK;
}

// A program header of an ELF32 file in the form of ELF64's.
static bool read_program_header32(const struct elf_image *image, unsigned index,
                                  struct elf64_program_header *header)
{
    struct elf32_program_header narrow;
    if (!payload_read(image->payload, image->table + index * sizeof(narrow), &narrow,
                      sizeof(narrow))) {
        return false;
    }
    *header = (struct elf64_program_header){.type = narrow.type,
                                            .flags = narrow.flags,
                                            .offset = narrow.offset,
                                            .vaddr = narrow.vaddr,
                                            .paddr = narrow.paddr,
                                            .filesz = narrow.filesz,
                                            .memsz = narrow.memsz};
    return true;
}

bool elf_segment_at(const struct elf_image *image, unsigned index, struct elf_segment *segment)
{
    struct elf64_program_header header;
    bool read = image->class == ELF_CLASS_64
                    ? payload_read(image->payload, image->table + index * sizeof(header), &header,
                                   sizeof(header))
                    : read_program_header32(image, index, &header);
    if (!read || header.type != ELF_SEGMENT_LOAD || header.memsz == 0) {
        return false;
    }
    *segment = (struct elf_segment){.flags = header.flags,
                                    .offset = header.offset,
                                    .file_bytes = header.filesz,
                                    .virtual = header.vaddr,
                                    .physical = header.paddr + image->shift,
                                    .memory_bytes = header.memsz};
    return true;
}

static enum status refuse_empty(struct reason *why)
{
    return refuse(why, STATUS_INVALID, "ELF file without a segment to load (PT_LOAD)");
}

enum status elf_extent(const struct elf_image *image, uint64_t *start, uint64_t *end,
                       struct reason *why)
{
    struct elf_segment segment;
    *start = UINT64_MAX;
    *end = 0;
    for (unsigned i = 0; i < image->count; i++) {
        if (!elf_segment_at(image, i, &segment)) {
            continue;
        }
        if (segment.memory_bytes > UINT64_MAX - segment.physical) {
            return refuse(why, STATUS_RANGE, "ELF segment %u: %#llx bytes at address %#llx", i,
                          (unsigned long long)segment.memory_bytes,
                          (unsigned long long)segment.physical);
        }
        *start = MIN(*start, segment.physical);
        *end = MAX(*end, segment.physical + segment.memory_bytes);
    }
    return *end != 0 ? STATUS_OK : refuse_empty(why);
}

// Refuses a segment that shares memory with an earlier one: 64 of them could ask for 64 times the
// VM's RAM to be copied.
static enum status check_overlap(const struct elf_image *image, unsigned index,
                                 const struct elf_segment *segment, struct reason *why)
{
    struct elf_segment other;
    for (unsigned i = 0; i < index; i++) {
        // A difference wraps to a huge value where the other one lies lower.
        if (elf_segment_at(image, i, &other) &&
            (segment->physical - other.physical < other.memory_bytes ||
             other.physical - segment->physical < segment->memory_bytes)) {
            return refuse(why, STATUS_INVALID,
                          "ELF segment %u: p_paddr is %#llx, p_memsz %#llx: expected no overlap "
                          "with segment %u, %#llx bytes at %#llx",
                          index, (unsigned long long)segment->physical,
                          (unsigned long long)segment->memory_bytes, i,
                          (unsigned long long)other.memory_bytes,
                          (unsigned long long)other.physical);
        }
    }
    return STATUS_OK;
}

enum status elf_load(const struct elf_image *image, const struct guest_memory *memory,
                     uint64_t limit, struct load_plan *plan, uint64_t *end, struct reason *why)
{
    struct elf_segment segment;
    *end = 0;
    for (unsigned i = 0; i < image->count; i++) {
        if (!elf_segment_at(image, i, &segment)) {
            continue;
        }
        enum status status = check_overlap(image, i, &segment, why);
        if (status != STATUS_OK) {
            return status;
        }
        status = payload_plan(image->payload, memory,
                              &(struct load_piece){.what = "ELF segment",
                                                   .index = i,
                                                   .offset = segment.offset,
                                                   .file_bytes = segment.file_bytes,
                                                   .address = segment.physical,
                                                   .memory_bytes = segment.memory_bytes},
                              plan, why);
        if (status != STATUS_OK) {
            return status;
        }
        // The segment is in RAM, so the sum does not overflow.
        if (segment.physical + segment.memory_bytes > limit) {
            return refuse(why, STATUS_RANGE,
                          "ELF segment %u: ends at %#llx, expected %#llx at most", i,
                          (unsigned long long)(segment.physical + segment.memory_bytes),
                          (unsigned long long)limit);
        }
        *end = MAX(*end, segment.physical + segment.memory_bytes);
    }
    return *end != 0 ? STATUS_OK : refuse_empty(why);
}

enum status elf_entry(const struct elf_image *image, uint32_t flags, uint64_t *entry,
                      struct reason *why)
{
    bool found = false;
    struct elf_segment segment;
    for (unsigned i = 0; i < image->count; i++) {
        if (!elf_segment_at(image, i, &segment) || (segment.flags & flags) != flags) {
            continue;
        }
        if (image->entry - segment.virtual < segment.memory_bytes) {
            *entry = image->entry - segment.virtual + segment.physical;
            return STATUS_OK;
        }
        if (image->entry + image->shift - segment.physical < segment.memory_bytes) {
            *entry = image->entry + image->shift;
            found = true;
        }
    }
    return found ? STATUS_OK
                 : refuse(why, STATUS_RANGE, "ELF e_entry is %#llx: expected an address inside %s",
                          (unsigned long long)image->entry,
                          flags != 0 ? "an executable segment" : "a segment");
}
