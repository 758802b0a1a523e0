// SPDX-License-Identifier: MIT
// A Multiboot 2 header in one structure, and the boot information. Shared by the files
// load_multiboot2*.c.
#pragma once

#include "vmm/load/load_elf.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_request;
struct payload;

// What the tags of a header ask for (Multiboot2 Specification 2.0, 3.1).
struct multiboot2_header {
    uint64_t offset; // in the file
    bool has_addresses;
    uint32_t header_addr;
    uint32_t load_addr;
    uint32_t load_end_addr;
    uint32_t bss_end_addr;
    bool has_entry;
    uint32_t entry_addr;
    bool relocatable;
    uint32_t min_addr; // of the image's first byte
    uint32_t max_addr; // of the image's last byte
    uint32_t align;
    bool highest; // the kernel prefers the highest place to the lowest
};

// Finds the header and reads its tags. Refuses a required tag that Husk cannot honour.
enum status multiboot2_read_header(const struct payload *payload, struct multiboot2_header *header,
                                   struct reason *why);

// What the boot information says of the image.
struct multiboot2_image {
    bool is_elf;
    struct elf_image elf;
    bool relocatable;
    uint64_t base; // address of the image's first byte
    uint64_t end;
};

// Puts the boot information (3.6) and then the modules into RAM after the image. `info` becomes the
// information's address.
enum status multiboot2_inform(const struct load_request *request,
                              const struct multiboot2_image *image,
                              const struct guest_memory *memory, uint64_t *info,
                              struct reason *why);
