// SPDX-License-Identifier: MIT
// Puts a Linux kernel's real-mode part into the first megabyte, where it will call the firmware.
#include "vmm/load/load_linux_setup.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_linux_header.h"
#include "vmm/load/load_linux_params.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The part's segment, with its heap and its stack. Before version 2.02 it must be at 0x90000, and
// has less room.
#define SETUP_ADDRESS 0x10000ULL
#define SETUP_HEAP_END 0xe000U
#define SETUP_ADDRESS_OLD 0x90000ULL
#define SETUP_HEAP_END_OLD 0x9800U
#define STACK_BYTES 0x200U // the heap ends below the stack
#define ENTRY_PARAGRAPHS 0x20
#define LOADER_UNKNOWN 0xff

// Before version 2.02: where the part finds its command line, as an offset in its segment.
#define LINE_MAGIC_OFFSET 0x20
#define LINE_OFFSET_OFFSET 0x22
#define LINE_MAGIC 0xa33f

static bool is_old(const struct linux_image *image)
{
    return image->header.version < LINUX_2_02;
}

static uint64_t setup_address(const struct linux_image *image)
{
    return is_old(image) ? SETUP_ADDRESS_OLD : SETUP_ADDRESS;
}

static uint32_t heap_end(const struct linux_image *image)
{
    return is_old(image) ? SETUP_HEAP_END_OLD : SETUP_HEAP_END;
}

uint64_t linux_setup_line(const struct linux_image *image)
{
    return setup_address(image) + heap_end(image);
}

static void put_word(uint8_t *at, unsigned value)
{
    uint16_t word = (uint16_t)value;
    memcpy(at, &word, sizeof(word));
}

// Fields that the header's version does not have are code of the part: they are not touched.
static void fill_header(const struct linux_image *image, const struct linux_initrd *initrd,
                        uint8_t *setup)
{
    struct linux_header *header = (void *)(setup + LINUX_HEADER_OFFSET);
    uint16_t version = image->header.version;
    header->type_of_loader = LOADER_UNKNOWN;
    header->ramdisk_image = (uint32_t)initrd->address;
    header->ramdisk_size = (uint32_t)initrd->bytes;
    if (version >= LINUX_2_01) {
        header->heap_end_ptr = (uint16_t)(heap_end(image) - STACK_BYTES);
        header->loadflags |= LINUX_CAN_USE_HEAP;
    }
    if (version >= LINUX_2_02) {
        header->cmd_line_ptr = (uint32_t)linux_setup_line(image);
        return;
    }
    put_word(setup + LINE_MAGIC_OFFSET, LINE_MAGIC);
    put_word(setup + LINE_OFFSET_OFFSET, heap_end(image));
    header->setup_move_size =
        (uint16_t)(heap_end(image) + strlen(image->payload->command_line) + 1);
}

// The protocol wants interrupts to be off.
static void start(const struct linux_image *image, struct load_result *result)
{
    result->mode = START_REAL;
    result->data_selector = (uint16_t)(setup_address(image) >> 4);
    result->code_selector = (uint16_t)(result->data_selector + ENTRY_PARAGRAPHS);
    result->stack = heap_end(image);
}

enum status linux_write_setup(const struct linux_image *image, const struct linux_initrd *initrd,
                              const struct guest_memory *memory, struct load_result *result,
                              struct reason *why)
{
    uint64_t room = heap_end(image) - 2 * STACK_BYTES;
    uint64_t line_bytes = strlen(image->payload->command_line) + 1;
    uint8_t *setup = guest_memory_at(memory, gpa(setup_address(image)), heap_end(image));
    char *line = guest_memory_at(memory, gpa(linux_setup_line(image)), line_bytes);
    if (!setup || !line) {
        return refuse(why, STATUS_NO_MEMORY, "bzImage: no RAM at %#llx for its real-mode part",
                      (unsigned long long)setup_address(image));
    }
    if (image->offset > room) {
        return refuse(why, STATUS_RANGE,
                      "bzImage setup_sects is %u: a real-mode part of %#llx bytes, there is room "
                      "for %#llx",
                      image->header.setup_sects, (unsigned long long)image->offset,
                      (unsigned long long)room);
    }
    memcpy(setup, image->payload->bytes, image->offset);
    memset(setup + image->offset, 0, heap_end(image) - image->offset);
    fill_header(image, initrd, setup);
    memcpy(line, image->payload->command_line, line_bytes);
    start(image, result);
    return STATUS_OK;
}
