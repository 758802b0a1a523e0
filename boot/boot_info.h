// SPDX-License-Identifier: MIT
// The data of the boot loader: Multiboot2 tags as one structure that stays. Pure: no hardware, no
// global; the caller gives the bytes.
#pragma once

#include "arch/x86/machine_memory.h"
#include "boot/memory_map.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define BOOT_COMMAND_LINE_BYTES 1024
#define BOOT_MODULES_MAX 64
#define BOOT_MODULE_TEXT_BYTES 512
#define BOOT_RSDP_BYTES 36

struct boot_module {
    uint64_t start; // physical
    uint64_t bytes;
    char command_line[BOOT_MODULE_TEXT_BYTES];
};

enum boot_screen { SCREEN_NONE, SCREEN_TEXT, SCREEN_PIXELS };

// A field of a pixel: `size` bits from bit `position`.
struct boot_colour {
    uint8_t position;
    uint8_t size;
};

struct boot_framebuffer {
    enum boot_screen kind;
    uint64_t physical;
    uint32_t pitch; // bytes per line
    uint32_t width; // pixels, or characters in text mode
    uint32_t height;
    uint8_t bits_per_pixel;
    struct boot_colour red;
    struct boot_colour green;
    struct boot_colour blue;
};

struct boot_info {
    char command_line[BOOT_COMMAND_LINE_BYTES];
    char loader[64];

    unsigned module_count;
    struct boot_module modules[BOOT_MODULES_MAX];

    // Usable memory, in whole pages. Where claims overlap, what is claimed to be something else is
    // not in it.
    struct memory_map memory;

    struct boot_framebuffer framebuffer;

    uint8_t rsdp[BOOT_RSDP_BYTES]; // a copy
    unsigned rsdp_bytes;           // 20 or 36; 0: search the BIOS area

    // Husk's own symbol table and its names, where the boot loader has put them (physical). 0
    // bytes: there is none.
    struct memory_span symbols;
    struct memory_span symbol_names;

    bool efi; // the firmware is UEFI: no BIOS area, no VGA text

    // The number of tags that were left out or cut, and the reason for the first.
    unsigned complaint_count;
    struct reason complaint;
};

#define MULTIBOOT2_MAGIC 0x36d76289u

// Reads the tags in `bytes`. They state their own length, which is at most `size`. A broken tag is
// left out with a complaint. Fails only if nothing can be read, or if there is no memory map.
enum status boot_info_parse(const void *bytes, uint64_t size, struct boot_info *info,
                            struct reason *why) MUST_CHECK;
