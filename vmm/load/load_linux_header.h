// SPDX-License-Identifier: MIT
// A Linux kernel image: its header, and the place that it wants (Linux/x86 Boot Protocol).
#pragma once

#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct guest_memory;
struct payload;

#define LINUX_HEADER_OFFSET 0x1f1
#define LINUX_HEADER_MAX_END 0x290 // the boot parameters have another field there

// Versions of the protocol as in the header, and the fields that came with each.
enum linux_version {
    LINUX_2_00 = 0x200, // the oldest version that Husk loads
    LINUX_2_01 = 0x201, // heap_end_ptr
    LINUX_2_02 = 0x202, // cmd_line_ptr: the real-mode part may be anywhere
    LINUX_2_03 = 0x203, // initrd_addr_max
    LINUX_2_04 = 0x204, // syssize has 4 bytes
    LINUX_2_05 = 0x205, // kernel_alignment, relocatable_kernel
    LINUX_2_06 = 0x206, // cmdline_size; the oldest version that is not started in real mode
    LINUX_2_08 = 0x208, // payload_offset, payload_length
    LINUX_2_10 = 0x20a, // pref_address, init_size
    LINUX_2_12 = 0x20c, // xloadflags: the 64-bit entry
};

enum linux_loadflags { LINUX_LOADED_HIGH = BIT(0), LINUX_CAN_USE_HEAP = BIT(7) };
enum linux_xloadflags { LINUX_KERNEL_64 = BIT(0) };

// "The Real-Mode Kernel Header"
struct PACKED linux_header {
    uint8_t setup_sects;
    uint16_t root_flags;
    uint32_t syssize; // in paragraphs of 16 bytes
    uint16_t ram_size;
    uint16_t vid_mode;
    uint16_t root_dev;
    uint16_t boot_flag;
    uint8_t jump[2]; // its second byte counts from 0x202 to the header's end
    uint32_t header;
    uint16_t version;
    uint32_t realmode_swtch;
    uint16_t start_sys_seg;
    uint16_t kernel_version;
    uint8_t type_of_loader;
    uint8_t loadflags;
    uint16_t setup_move_size;
    uint32_t code32_start;
    uint32_t ramdisk_image;
    uint32_t ramdisk_size;
    uint32_t bootsect_kludge;
    uint16_t heap_end_ptr;
    uint8_t ext_loader_ver;
    uint8_t ext_loader_type;
    uint32_t cmd_line_ptr;
    uint32_t initrd_addr_max; // of its last byte
    uint32_t kernel_alignment;
    uint8_t relocatable_kernel;
    uint8_t min_alignment;
    uint16_t xloadflags;
    uint32_t cmdline_size; // without the NUL
    uint32_t hardware_subarch;
    uint64_t hardware_subarch_data;
    uint32_t payload_offset;
    uint32_t payload_length;
    uint64_t setup_data;
    uint64_t pref_address;
    uint32_t init_size;
    uint32_t handover_offset;
    uint32_t kernel_info_offset;
};
static_assert(offsetof(struct linux_header, boot_flag) == 0x1fe - LINUX_HEADER_OFFSET, "boot_flag");
static_assert(offsetof(struct linux_header, version) == 0x206 - LINUX_HEADER_OFFSET, "version");
static_assert(offsetof(struct linux_header, cmd_line_ptr) == 0x228 - LINUX_HEADER_OFFSET,
              "cmd_line_ptr");
static_assert(offsetof(struct linux_header, pref_address) == 0x258 - LINUX_HEADER_OFFSET,
              "pref_address");
static_assert(sizeof(struct linux_header) == 0x26c - LINUX_HEADER_OFFSET, "version 2.15's end");

// From the kernel's first byte.
#define LINUX_ENTRY_64 0x200

// An image whose header is checked.
struct linux_image {
    const struct payload *payload;
    struct linux_header
        header;          // after the end of the image's own header, what an older kernel means
    uint64_t header_end; // offset in the file
    uint64_t offset;     // of the protected-mode part, in the file
    uint64_t bytes;      // of the protected-mode part
    bool long_mode;      // has a 64-bit entry
    bool real_mode;      // is started by its 16-bit entry
    uint64_t load_address;
    uint64_t end; // of the RAM that the kernel uses before it has read the memory map
};

// Whether the magic of a Linux kernel's header is at its place.
bool linux_recognise(const struct payload *payload);

// Reads and checks the header, except for what depends on the VM's RAM.
enum status linux_open(const struct payload *payload, struct linux_image *image,
                       struct reason *why);

// Fills in load_address and end, and checks that this RAM is there.
enum status linux_place(struct linux_image *image, const struct guest_memory *memory,
                        struct reason *why);
