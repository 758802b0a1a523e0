// SPDX-License-Identifier: MIT
// ELF executables of both classes (32 and 64 bits), checked, in one form for both.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_plan;
struct payload;

enum elf_class { ELF_CLASS_NONE, ELF_CLASS_32, ELF_CLASS_64 };

// An executable for x86 whose header and program header table are inside the file.
struct elf_image {
    const struct payload *payload;
    enum elf_class class;
    uint64_t entry; // virtual, from the header
    uint64_t table; // offset of the program headers
    unsigned count; // of program headers
    uint64_t shift; // added to the physical address of each segment
    // Of the section headers. Not checked: elf_sections_open does that.
    uint64_t section_table;
    unsigned section_count;
    unsigned section_entry_bytes;
    unsigned section_names;
};

enum elf_segment_flags {
    ELF_EXECUTABLE = BIT(0),
};

// A program header that is to be loaded.
struct elf_segment {
    uint32_t flags;
    uint64_t offset;
    uint64_t file_bytes;
    uint64_t virtual;
    uint64_t physical;
    uint64_t memory_bytes;
};

// The class in the file's first bytes; ELF_CLASS_NONE: it is no ELF file.
enum elf_class elf_recognise(const struct payload *payload);

// Checks the header: little-endian, ET_EXEC, and EM_386 or EM_X86_64 according to the class.
enum status elf_open(const struct payload *payload, struct elf_image *image, struct reason *why);

// Reads program header `index`. False: it is not PT_LOAD, or takes no memory.
bool elf_segment_at(const struct elf_image *image, unsigned index, struct elf_segment *segment);

// Where the lowest segment starts and the highest one ends, `shift` left out.
enum status elf_extent(const struct elf_image *image, uint64_t *start, uint64_t *end,
                       struct reason *why);

// Plans to copy all segments to their physical addresses. All must end at `limit` or below, and no
// two may overlap. `end` becomes the end of the highest segment.
enum status elf_load(const struct elf_image *image, const struct guest_memory *memory,
                     uint64_t limit, struct load_plan *plan, uint64_t *end, struct reason *why);

// The physical address of the entry, which must lie in a segment with all of `flags`. The header's
// entry is a virtual address; some kernels state the physical one, so that is tried second.
enum status elf_entry(const struct elf_image *image, uint32_t flags, uint64_t *entry,
                      struct reason *why);
