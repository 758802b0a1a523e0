// SPDX-License-Identifier: MIT
// An image that a Multiboot header of either version describes by addresses.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_plan;
struct payload;

// The header's fields, with their names in both specifications.
struct address_image {
    uint64_t header_offset; // of the header in the file
    uint32_t header_addr;
    uint32_t load_addr;
    uint32_t load_end_addr; // 0: up to the file's end
    uint32_t bss_end_addr;  // 0: no bss
    uint32_t entry_addr;
};

// Checks the fields against each other and the file. `end` becomes the end of the bss, or of the
// loaded part if there is no bss.
enum status address_image_check(const struct address_image *image, const struct payload *payload,
                                uint64_t *end, struct reason *why);

// Plans to load a checked image `shift` bytes above the address in its header.
enum status address_image_load(const struct address_image *image, const struct payload *payload,
                               const struct guest_memory *memory, uint64_t shift,
                               struct load_plan *plan, struct reason *why);
