// SPDX-License-Identifier: MIT
// Checks and loads an image by the addresses in its Multiboot header.
#include "vmm/load/load_address_image.h"

#include "vmm/load/load.h"
#include "vmm/load/load_payload.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

// The part of the file that is loaded, and its place in memory. The fields must be checked already.
static struct load_piece piece_of(const struct address_image *image, const struct payload *payload)
{
    uint64_t offset = image->header_offset - (image->header_addr - image->load_addr);
    uint64_t file_bytes = image->load_end_addr != 0 ? image->load_end_addr - image->load_addr
                                                    : payload->size - offset;
    uint64_t end = MAX(image->load_addr + file_bytes, image->bss_end_addr);
    return (struct load_piece){.what = "Multiboot image",
                               .offset = offset,
                               .file_bytes = file_bytes,
                               .address = image->load_addr,
                               .memory_bytes = end - image->load_addr};
}

enum status address_image_check(const struct address_image *image, const struct payload *payload,
                                uint64_t *end, struct reason *why)
{
    struct load_piece piece;
    if (image->header_addr < image->load_addr ||
        image->header_addr - image->load_addr > image->header_offset) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot load_addr is %#x: with header_addr %#x at offset %#llx it is "
                      "not in the file",
                      image->load_addr, image->header_addr,
                      (unsigned long long)image->header_offset);
    }
    if (image->load_end_addr != 0 && image->load_end_addr < image->load_addr) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot load_end_addr is %#x: expected 0 or at least load_addr %#x",
                      image->load_end_addr, image->load_addr);
    }
    piece = piece_of(image, payload);
    *end = piece.address + piece.memory_bytes;
    if (image->entry_addr - (uint64_t)image->load_addr >= piece.memory_bytes) {
        return refuse(why, STATUS_RANGE,
                      "Multiboot entry_addr is %#x: expected an address from %#x to below %#llx",
                      image->entry_addr, image->load_addr, (unsigned long long)*end);
    }
    return STATUS_OK;
}

enum status address_image_load(const struct address_image *image, const struct payload *payload,
                               const struct guest_memory *memory, uint64_t shift,
                               struct load_plan *plan, struct reason *why)
{
    struct load_piece piece = piece_of(image, payload);
    piece.address += shift;
    return payload_plan(payload, memory, &piece, plan, why);
}
