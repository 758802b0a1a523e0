// SPDX-License-Identifier: MIT
// The boot information of Multiboot 2: tells a loaded kernel its memory, modules and command line.
#pragma once

#include "vmm/load/load_elf.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct load_request;

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
