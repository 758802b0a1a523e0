// SPDX-License-Identifier: MIT
// Reads and checks the header of a Linux kernel image, and finds the place that it wants.
#include "vmm/load/load_linux_header.h"

#include "vmm/load/load.h"
#include "vmm/load/load_payload.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define BOOT_FLAG 0xaa55
#define HEADER_MAGIC 0x53726448U // "HdrS"
#define HEADER_MAGIC_OFFSET 0x202
#define SHORT_JUMP 0xeb
#define HEADER_END_2_00 0x224
#define HEADER_END_2_06 0x23c
#define HEADER_END_2_10 0x264
#define SECTOR_BYTES 512
#define SETUP_SECTS_OF_0 4 // what setup_sects = 0 means
#define PARAGRAPH_BYTES 16
// For kernels without init_size: the RAM for unpacking, as a multiple of the kernel's size.
#define UNPACKED_TIMES 3

bool linux_recognise(const struct payload *payload)
{
    uint32_t magic;
    return payload_read(payload, HEADER_MAGIC_OFFSET, &magic, sizeof(magic)) &&
           magic == HEADER_MAGIC;
}

// Older kernels: "the maximum command line length is 255", and the initrd's last byte is below 896
// MiB.
#define COMMAND_LINE_OLD 255
#define INITRD_MAX_OLD 0x37ffffffU

// Clears the fields that the header's version does not have, or sets what they would be.
static void complete_header(struct linux_header *header)
{
    if (header->version < LINUX_2_03) {
        header->initrd_addr_max = INITRD_MAX_OLD;
    }
    if (header->version < LINUX_2_05) {
        header->relocatable_kernel = 0;
    }
    if (header->version < LINUX_2_06) {
        header->cmdline_size = COMMAND_LINE_OLD;
    }
}

static uint64_t least_end(uint16_t version)
{
    if (version < LINUX_2_06) {
        return HEADER_END_2_00;
    }
    return version < LINUX_2_10 ? HEADER_END_2_06 : HEADER_END_2_10;
}

// The header's jump instruction holds its length. After the header comes code.
static enum status read_header(struct linux_image *image, struct reason *why)
{
    struct linux_header *header = &image->header;
    uint64_t least;
    if (!payload_read(image->payload, LINUX_HEADER_OFFSET, header,
                      HEADER_END_2_00 - LINUX_HEADER_OFFSET)) {
        return refuse(why, STATUS_INVALID, "bzImage header: the file ends after %llu bytes",
                      (unsigned long long)image->payload->size);
    }
    if (header->boot_flag != BOOT_FLAG) {
        return refuse(why, STATUS_INVALID, "bzImage boot_flag is %#x: expected %#x",
                      header->boot_flag, BOOT_FLAG);
    }
    if (header->header != HEADER_MAGIC) {
        return refuse(why, STATUS_INVALID, "bzImage header is %#x: expected %#x, \"HdrS\"",
                      header->header, HEADER_MAGIC);
    }
    if (header->version < LINUX_2_00) {
        return refuse(why, STATUS_UNSUPPORTED, "bzImage version is %#x: expected 0x200 or later",
                      header->version);
    }
    least = least_end(header->version);
    image->header_end = HEADER_MAGIC_OFFSET + header->jump[1];
    if (header->jump[0] != SHORT_JUMP || image->header_end < least ||
        image->header_end > LINUX_HEADER_MAX_END) {
        return refuse(why, STATUS_INVALID,
                      "bzImage jump is %02x %02x: expected eb and %02llx to %02x", header->jump[0],
                      header->jump[1], (unsigned long long)least - HEADER_MAGIC_OFFSET,
                      LINUX_HEADER_MAX_END - HEADER_MAGIC_OFFSET);
    }
    if (!payload_read(image->payload, LINUX_HEADER_OFFSET, header,
                      MIN(image->header_end - LINUX_HEADER_OFFSET, sizeof(*header)))) {
        return refuse(why, STATUS_INVALID, "bzImage header: the file ends after %llu bytes",
                      (unsigned long long)image->payload->size);
    }
    complete_header(header);
    return STATUS_OK;
}

// Where the protected-mode part lies in the file. A signature may follow it.
static enum status find_kernel(struct linux_image *image, struct reason *why)
{
    const struct linux_header *header = &image->header;
    uint64_t size = image->payload->size;
    uint64_t sectors = header->setup_sects != 0 ? header->setup_sects : SETUP_SECTS_OF_0;
    uint64_t stated = (uint64_t)header->syssize * PARAGRAPH_BYTES;
    image->offset = (1 + sectors) * SECTOR_BYTES;
    if (image->offset >= size) {
        return refuse(why, STATUS_INVALID,
                      "bzImage setup_sects is %u: no kernel behind offset %#llx of a file of %#llx "
                      "bytes",
                      header->setup_sects, (unsigned long long)image->offset,
                      (unsigned long long)size);
    }
    image->bytes = size - image->offset;
    if (header->version < LINUX_2_04) {
        return STATUS_OK; // two bytes cannot tell the size of each kernel
    }
    if (stated == 0 || stated > ALIGN_UP(image->bytes, PARAGRAPH_BYTES)) {
        return refuse(
            why, STATUS_INVALID,
            "bzImage syssize is %#x: expected 1 to %#llx paragraphs, which the file has",
            header->syssize,
            (unsigned long long)(ALIGN_UP(image->bytes, PARAGRAPH_BYTES) / PARAGRAPH_BYTES));
    }
    image->bytes = MIN(image->bytes, stated);
    return STATUS_OK;
}

// Checks that the compressed kernel is where the header says. An image of something else than Linux
// may have none.
static enum status check_payload(const struct linux_image *image, struct reason *why)
{
    const struct linux_header *header = &image->header;
    if (header->version >= LINUX_2_08 &&
        (header->payload_offset > image->bytes ||
         header->payload_length > image->bytes - header->payload_offset)) {
        return refuse(why, STATUS_INVALID,
                      "bzImage payload_offset is %#x: %#x bytes of payload are not in the %#llx of "
                      "the kernel",
                      header->payload_offset, header->payload_length,
                      (unsigned long long)image->bytes);
    }
    return STATUS_OK;
}

static enum status check_entry(struct linux_image *image, struct reason *why)
{
    const struct linux_header *header = &image->header;
    if ((header->loadflags & LINUX_LOADED_HIGH) == 0) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "bzImage loadflags is %#x: bit 0 is 0, expected a kernel for 0x100000",
                      header->loadflags);
    }
    image->real_mode = header->version < LINUX_2_06 || header->code32_start == 0;
    if (image->real_mode) {
        return STATUS_OK;
    }
    image->long_mode = header->version >= LINUX_2_12 && (header->xloadflags & LINUX_KERNEL_64) != 0;
    if (image->long_mode && image->bytes <= LINUX_ENTRY_64) {
        return refuse(
            why, STATUS_INVALID,
            "bzImage xloadflags is %#x: a 64-bit entry at %#x, in a kernel of %#llx bytes",
            header->xloadflags, LINUX_ENTRY_64, (unsigned long long)image->bytes);
    }
    if (header->code32_start - GUEST_HIGH_MEMORY >= image->bytes) {
        return refuse(
            why, STATUS_RANGE,
            "bzImage code32_start is %#x: expected 0, or an address in the kernel's %#llx bytes "
            "from 0x100000 on",
            header->code32_start, (unsigned long long)image->bytes);
    }
    return STATUS_OK;
}

enum status linux_open(const struct payload *payload, struct linux_image *image, struct reason *why)
{
    enum status status;
    *image = (struct linux_image){.payload = payload};
    status = read_header(image, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = find_kernel(image, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = check_payload(image, why);
    if (status != STATUS_OK) {
        return status;
    }
    return check_entry(image, why);
}

// A kernel that cannot be relocated is loaded at 1 MiB and moves itself to pref_address. Any other
// kernel is loaded at pref_address: it does not run below that, and the lowest place leaves the
// most room above.
static enum status choose_address(struct linux_image *image, uint64_t *run_address,
                                  struct reason *why)
{
    const struct linux_header *header = &image->header;
    uint64_t preferred = header->version >= LINUX_2_10 ? header->pref_address : 0;
    if (preferred != 0 && (preferred < GUEST_HIGH_MEMORY || preferred >= GUEST_LOW_RAM_MAX)) {
        return refuse(why, STATUS_RANGE,
                      "bzImage pref_address is %#llx: expected 0 or %#llx to below %#llx",
                      (unsigned long long)preferred, GUEST_HIGH_MEMORY, GUEST_LOW_RAM_MAX);
    }
    *run_address = MAX(preferred, GUEST_HIGH_MEMORY);
    image->load_address = GUEST_HIGH_MEMORY;
    if (header->relocatable_kernel == 0 || image->real_mode) {
        return STATUS_OK; // the kernel's real-mode part goes to 1 MiB
    }
    if (header->kernel_alignment == 0 ||
        (header->kernel_alignment & (header->kernel_alignment - 1)) != 0) {
        return refuse(why, STATUS_INVALID,
                      "bzImage kernel_alignment is %#x: expected a power of two",
                      header->kernel_alignment);
    }
    *run_address = ALIGN_UP(*run_address, header->kernel_alignment);
    image->load_address = *run_address;
    return STATUS_OK;
}

enum status linux_place(struct linux_image *image, const struct guest_memory *memory,
                        struct reason *why)
{
    const struct linux_header *header = &image->header;
    bool stated = header->version >= LINUX_2_10;
    uint64_t need = stated ? header->init_size : image->bytes * UNPACKED_TIMES;
    uint64_t run_address = 0;
    enum status status = choose_address(image, &run_address, why);
    if (status != STATUS_OK) {
        return status;
    }
    image->end = ALIGN_UP(MAX(run_address + need, image->load_address + image->bytes), PAGE_SIZE);
    if (image->end > guest_ram_end(memory, GUEST_HIGH_MEMORY)) {
        return refuse(
            why, STATUS_NO_MEMORY,
            "bzImage %s is %#llx: the kernel needs RAM from %#llx to %#llx, the VM's ends "
            "at %#llx",
            stated ? "init_size" : "size", (unsigned long long)need,
            (unsigned long long)image->load_address, (unsigned long long)image->end,
            (unsigned long long)guest_ram_end(memory, GUEST_HIGH_MEMORY));
    }
    return STATUS_OK;
}
