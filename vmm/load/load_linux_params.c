// SPDX-License-Identifier: MIT
// Writes what a Linux kernel finds at its start: boot parameters, command line, GDT.
#include "vmm/load/load_linux_params.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_linux_header.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define LOADER_UNKNOWN 0xff
#define VID_MODE_NORMAL 0xffff
#define E820_ENTRIES_MAX 128

struct PACKED linux_e820_entry {
    uint64_t base;
    uint64_t bytes;
    uint32_t type;
};

// The "zero page" (Linux' Documentation/x86/zero-page.rst), with the fields that Husk fills in.
struct PACKED linux_boot_params {
    uint8_t orig_x;
    uint8_t orig_y;
    uint8_t unused_02[4];
    uint8_t orig_video_mode;
    uint8_t orig_video_cols;
    uint8_t unused_08[2];
    uint16_t orig_video_ega_bx;
    uint8_t unused_0c[2];
    uint8_t orig_video_lines;
    uint8_t orig_video_is_vga;
    uint16_t orig_video_points; // height of a character
    uint8_t unused_12[0x70 - 0x12];
    uint64_t acpi_rsdp_addr;
    uint8_t unused_78[0x1e8 - 0x78];
    uint8_t e820_entries;
    uint8_t unused_1e9[LINUX_HEADER_OFFSET - 0x1e9];
    struct linux_header header;
    uint8_t unused_26c[0x2d0 - 0x26c];
    struct linux_e820_entry e820[E820_ENTRIES_MAX];
    uint8_t unused_cd0[0x1000 - 0xcd0];
};
static_assert(offsetof(struct linux_boot_params, orig_video_lines) == 0x0e, "orig_video_lines");
static_assert(offsetof(struct linux_boot_params, acpi_rsdp_addr) == 0x70, "acpi_rsdp_addr");
static_assert(offsetof(struct linux_boot_params, header) == LINUX_HEADER_OFFSET, "header");
static_assert(offsetof(struct linux_boot_params, e820) == 0x2d0, "e820");
static_assert(sizeof(struct linux_boot_params) == PAGE_SIZE, "a page");

// The VGA adapter as a PC's firmware leaves it: text, 80x25, colours, at 0xb8000.
static void describe_screen(struct linux_boot_params *params)
{
    params->orig_video_mode = 3;
    params->orig_video_cols = 80;
    params->orig_video_lines = 25;
    params->orig_video_ega_bx = 3; // 256 KiB of video memory, colour
    params->orig_video_is_vga = 1;
    params->orig_video_points = 16;
}

static void describe_memory(struct linux_boot_params *params, const struct guest_memory *memory)
{
    struct guest_map map;
    static_assert(GUEST_RANGES_MAX <= E820_ENTRIES_MAX, "all ranges fit");
    guest_memory_map(memory, &map);
    for (unsigned i = 0; i < map.count; i++) {
        params->e820[i] = (struct linux_e820_entry){
            .base = map.ranges[i].base, .bytes = map.ranges[i].bytes, .type = map.ranges[i].type};
    }
    params->e820_entries = (uint8_t)map.count;
}

// Copies the image's own header and fills in the boot loader's fields. The kernel's real-mode part
// is not run, so its heap and stack need no place.
static void fill_header(struct linux_boot_params *params, const struct linux_image *image,
                        const struct linux_initrd *initrd)
{
    struct linux_header *header = &params->header;
    // A later version's header may be longer than the structure that Husk knows.
    memcpy((uint8_t *)params + LINUX_HEADER_OFFSET, image->payload->bytes + LINUX_HEADER_OFFSET,
           image->header_end - LINUX_HEADER_OFFSET);
    header->type_of_loader = LOADER_UNKNOWN;
    header->ext_loader_type = 0;
    header->ext_loader_ver = 0;
    header->loadflags = LINUX_LOADED_HIGH;
    header->vid_mode = VID_MODE_NORMAL;
    header->code32_start += (uint32_t)(image->load_address - GUEST_HIGH_MEMORY);
    header->cmd_line_ptr = LINUX_COMMAND_LINE;
    header->ramdisk_image = (uint32_t)initrd->address;
    header->ramdisk_size = (uint32_t)initrd->bytes;
    if (image->header_end > LINUX_HEADER_OFFSET + offsetof(struct linux_header, setup_data)) {
        header->setup_data = 0;
    }
}

// Two flat segments at the protocol's selectors, after two unused entries.
static void write_gdt(const struct linux_image *image, const struct guest_memory *memory)
{
    uint64_t *gdt = guest_memory_at(memory, gpa(LINUX_GDT), LINUX_GDT_BYTES);
    memset(gdt, 0, LINUX_GDT_BYTES);
    gdt[LINUX_CODE_SELECTOR / sizeof(*gdt)] =
        image->long_mode ? 0x00af9b000000ffffULL : 0x00cf9b000000ffffULL;
    gdt[LINUX_DATA_SELECTOR / sizeof(*gdt)] = 0x00cf93000000ffffULL;
}

void linux_write_params(const struct linux_image *image, const struct linux_initrd *initrd,
                        const struct guest_memory *memory)
{
    struct linux_boot_params *params = guest_memory_at(memory, gpa(LINUX_PARAMS), sizeof(*params));
    const char *command_line = image->payload->command_line;
    uint64_t line_bytes = strlen(command_line) + 1;
    memset(params, 0, sizeof(*params));
    fill_header(params, image, initrd);
    describe_screen(params);
    describe_memory(params, memory);
    params->acpi_rsdp_addr = GUEST_ACPI_RSDP;
    memcpy(guest_memory_at(memory, gpa(LINUX_COMMAND_LINE), line_bytes), command_line, line_bytes);
    write_gdt(image, memory);
}
