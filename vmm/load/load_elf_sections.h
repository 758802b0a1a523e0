// SPDX-License-Identifier: MIT
// The sections of an ELF file that no segment loads: symbols, names, debug information.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct elf_image;
struct load_placement;
struct load_plan;

struct elf_sections {
    const struct elf_image *image;
    const uint8_t *table; // in the file
    unsigned count;       // 0: the file has none
    unsigned entry_bytes;
    unsigned names;
};

// Checks the header's fields of the section header table.
enum status elf_sections_open(const struct elf_image *image, struct elf_sections *sections,
                              struct reason *why);

uint64_t elf_sections_bytes(const struct elf_sections *sections);

// Plans to copy the sections that have no address of their own, as GRUB does. Together they must
// not have more bytes than the file. Writes the address that each gets into the copy of the table,
// which is in guest memory at `table`.
enum status elf_sections_load(const struct elf_sections *sections, uint64_t table,
                              struct load_placement *placement, struct load_plan *plan,
                              struct reason *why);
