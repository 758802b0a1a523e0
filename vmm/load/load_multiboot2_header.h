// SPDX-License-Identifier: MIT
// A Multiboot 2 header in one structure.
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct payload;

// Whether a Multiboot 2 header lies in the first 32768 bytes.
bool multiboot2_recognise(const struct payload *payload);

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
