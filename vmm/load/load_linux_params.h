// SPDX-License-Identifier: MIT
// What a Linux kernel finds in the first megabyte at its start (Linux/x86 Boot Protocol).
#pragma once

#include "vmm/util/types.h"

struct guest_memory;
struct linux_image;

// Where things for the kernel are in the first megabyte. Below are the real-mode vectors and a
// stack.
#define LINUX_STACK_END 0x10000ULL
#define LINUX_PARAMS 0x10000ULL
#define LINUX_GDT 0x11000ULL
#define LINUX_PAGE_TABLES 0x12000ULL  // of the low 4 GiB
#define LINUX_COMMAND_LINE 0x18000ULL // up to the EBDA

// The protocol's selectors __BOOT_CS and __BOOT_DS. The GDT ends with their entries.
#define LINUX_CODE_SELECTOR 0x10
#define LINUX_DATA_SELECTOR 0x18
#define LINUX_GDT_BYTES 0x20

struct linux_initrd {
    uint64_t address;
    uint64_t bytes; // 0: none
};

// Writes the boot parameters, the command line and the GDT. load_linux has checked that there is
// RAM.
void linux_write_params(const struct linux_image *image, const struct linux_initrd *initrd,
                        const struct guest_memory *memory);
