// SPDX-License-Identifier: MIT
// Loads a Multiboot 2 kernel (Multiboot2 Specification 2.0) at a place that its header allows. The
// image is described by addresses in that header or by an ELF header.
#include "vmm/load/load_multiboot2.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_address_image.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_multiboot2_header.h"
#include "vmm/load/load_multiboot2_info.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define BOOTED_MAGIC 0x36d76289U // in EAX
#define FROM_START_OF_FILE 0xffffffffU

// Finds a place for the `bytes` of a relocatable image between `low` and `high`. All of that is
// RAM.
static bool place_between(const struct multiboot2_header *header, uint64_t low, uint64_t high,
                          uint64_t bytes, uint64_t *base)
{
    uint64_t lowest = ALIGN_UP(low, header->align);
    if (lowest >= high || bytes > high - lowest) {
        return false;
    }
    *base = header->highest ? ALIGN_DOWN(high - bytes, header->align) : lowest;
    return true;
}

// How far from its own address the image from `start` to `end` is loaded. `shift` becomes 0 if the
// image may stay at its own address.
static enum status choose_shift(const struct multiboot2_header *header,
                                const struct guest_memory *memory, uint64_t start, uint64_t end,
                                uint64_t *shift, struct reason *why)
{
    uint64_t max_end = (uint64_t)header->max_addr + 1;
    uint64_t bytes = end - start;
    uint64_t base;
    *shift = 0;
    if (!header->relocatable ||
        (start >= header->min_addr && end <= max_end && IS_ALIGNED(start, header->align) &&
         guest_memory_at(memory, gpa(start), bytes))) {
        return STATUS_OK;
    }
    if (!place_between(header, MAX(header->min_addr, GUEST_HIGH_MEMORY),
                       MIN(max_end, guest_ram_end(memory, GUEST_HIGH_MEMORY)), bytes, &base)) {
        return refuse(why, STATUS_NO_MEMORY,
                      "Multiboot 2 min_addr is %#x, max_addr %#x: no RAM for an image of %#llx "
                      "bytes between them",
                      header->min_addr, header->max_addr, (unsigned long long)bytes);
    }
    *shift = base - start;
    return STATUS_OK;
}

static enum status load_addresses(const struct multiboot2_header *header,
                                  const struct load_request *request,
                                  const struct guest_memory *memory, struct multiboot2_image *image,
                                  uint64_t *entry, struct reason *why)
{
    struct address_image at = {.header_offset = header->offset,
                               .header_addr = header->header_addr,
                               .load_addr = header->load_addr,
                               .load_end_addr = header->load_end_addr,
                               .bss_end_addr = header->bss_end_addr,
                               .entry_addr = header->entry_addr};
    uint64_t end;
    uint64_t shift;
    enum status status;
    if (!header->has_entry) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot 2 header with addresses (tag 2), but without an entry (tag 3)");
    }
    if (at.load_addr == FROM_START_OF_FILE) {
        at.load_addr = at.header_addr - (uint32_t)at.header_offset;
    }
    status = address_image_check(&at, &request->payload, &end, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = choose_shift(header, memory, at.load_addr, end, &shift, why);
    if (status != STATUS_OK) {
        return status;
    }
    image->base = at.load_addr + shift;
    image->end = end + shift;
    *entry = at.entry_addr + shift;
    return address_image_load(&at, &request->payload, memory, shift, request->plan, why);
}

// Loads an ELF file. GRUB takes both classes, and so does Husk.
static enum status load_elf(const struct multiboot2_header *header,
                            const struct load_request *request, const struct guest_memory *memory,
                            struct multiboot2_image *image, uint64_t *entry, struct reason *why)
{
    const struct payload *payload = &request->payload;
    struct elf_image *elf = &image->elf;
    uint64_t end;
    enum status status;
    if (elf_recognise(payload) == ELF_CLASS_NONE) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot 2 header without addresses (tag 2) in a file that is not ELF");
    }
    status = elf_open(payload, elf, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = elf_extent(elf, &image->base, &end, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = choose_shift(header, memory, image->base, end, &elf->shift, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = elf_load(elf, memory, 4 * GIB, request->plan, &image->end, why);
    if (status != STATUS_OK) {
        return status;
    }
    image->is_elf = true;
    image->base += elf->shift;
    elf->entry = header->has_entry ? header->entry_addr : elf->entry;
    return elf_entry(elf, 0, entry, why);
}

enum status load_multiboot2(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why)
{
    const struct payload *payload = &request->payload;
    struct multiboot2_image image = {0};
    struct multiboot2_header header;
    enum status status = multiboot2_read_header(payload, &header, why);
    if (status != STATUS_OK) {
        return status;
    }
    image.relocatable = header.relocatable;
    status = header.has_addresses
                 ? load_addresses(&header, request, memory, &image, &result->entry, why)
                 : load_elf(&header, request, memory, &image, &result->entry, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = multiboot2_inform(request, &image, memory, &result->rbx, why);
    result->mode = START_PROTECTED;
    result->rax = BOOTED_MAGIC;
    return status;
}
