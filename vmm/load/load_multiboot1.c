// SPDX-License-Identifier: MIT
// Loads a Multiboot 1 kernel (Multiboot Specification 0.6.96): finds and checks its header, and
// copies its image. The Multiboot header or an ELF header describes the image.
#include "vmm/load/load_multiboot1.h"

#include "vmm/load/load.h"
#include "vmm/load/load_address_image.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_multiboot1_info.h"
#include "vmm/load/load_payload.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define HEADER_SEARCH_BYTES 8192
#define HEADER_MAGIC 0x1badb002U
#define BOOTED_MAGIC 0x2badb002U // in EAX

// 3.1.2: bits 0 to 15 must be understood, the others may be ignored.
enum header_flags {
    HEADER_ALIGN_MODULES = BIT(0), // modules always are aligned
    HEADER_MEMORY_INFO = BIT(1),   // the information always has it
    HEADER_VIDEO_MODE = BIT(2),    // only a wish; the information says that there is no such mode
    HEADER_KNOWN = HEADER_ALIGN_MODULES | HEADER_MEMORY_INFO | HEADER_VIDEO_MODE,
    HEADER_REQUIRED_MASK = 0xffff,
    HEADER_ADDRESSES = BIT(16), // the a.out kludge: the address fields are valid
};

struct multiboot1_header {
    uint32_t magic;
    uint32_t flags;
    uint32_t checksum;
};

// The fields that follow if flag 16 is set.
struct multiboot1_addresses {
    uint32_t header_addr;
    uint32_t load_addr;
    uint32_t load_end_addr;
    uint32_t bss_end_addr;
    uint32_t entry_addr;
};

// `offset` becomes the start of the header. False: there is none.
static bool find_header(const struct payload *payload, struct multiboot1_header *header,
                        uint64_t *offset)
{
    uint64_t last = HEADER_SEARCH_BYTES - sizeof(*header);
    for (uint64_t at = 0; at <= last && payload_read(payload, at, header, sizeof(*header));
         at += sizeof(uint32_t)) {
        if (header->magic == HEADER_MAGIC &&
            (uint32_t)(header->magic + header->flags + header->checksum) == 0) {
            *offset = at;
            return true;
        }
    }
    return false;
}

bool multiboot1_recognise(const struct payload *payload)
{
    struct multiboot1_header header;
    uint64_t offset;
    return find_header(payload, &header, &offset);
}

static enum status check_flags(uint32_t flags, struct reason *why)
{
    uint32_t unknown = flags & HEADER_REQUIRED_MASK & ~(uint32_t)HEADER_KNOWN;
    if (unknown != 0) {
        return refuse(why, STATUS_UNSUPPORTED,
                      "Multiboot header flags are %#x: bit %d is required, known are 0 to 2 and 16",
                      flags, __builtin_ctz(unknown));
    }
    return STATUS_OK;
}

// Loads the image that the address fields of flag 16 describe. `end` becomes the end of its bss.
static enum status load_addresses(const struct load_request *request,
                                  const struct guest_memory *memory, uint64_t header_offset,
                                  uint64_t *entry, uint64_t *end, struct reason *why)
{
    const struct payload *payload = &request->payload;
    struct multiboot1_addresses at;
    struct address_image image;
    enum status status;
    if (!payload_read(payload, header_offset + sizeof(struct multiboot1_header), &at, sizeof(at))) {
        return refuse(why, STATUS_INVALID, "Multiboot header at offset %#llx: the file ends in it",
                      (unsigned long long)header_offset);
    }
    image = (struct address_image){.header_offset = header_offset,
                                   .header_addr = at.header_addr,
                                   .load_addr = at.load_addr,
                                   .load_end_addr = at.load_end_addr,
                                   .bss_end_addr = at.bss_end_addr,
                                   .entry_addr = at.entry_addr};
    status = address_image_check(&image, payload, end, why);
    if (status != STATUS_OK) {
        return status;
    }
    *entry = at.entry_addr;
    return address_image_load(&image, payload, memory, 0, request->plan, why);
}

// Loads an ELF file with a Multiboot header. GRUB takes both classes, and so does Husk.
static enum status load_elf(const struct load_request *request, const struct guest_memory *memory,
                            uint64_t *entry, uint64_t *end, struct reason *why)
{
    const struct payload *payload = &request->payload;
    struct elf_image image;
    enum status status;
    if (elf_recognise(payload) == ELF_CLASS_NONE) {
        return refuse(why, STATUS_INVALID,
                      "Multiboot header without addresses (flag 16) in a file that is not ELF");
    }
    status = elf_open(payload, &image, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = elf_load(&image, memory, 4 * GIB, request->plan, end, why);
    if (status != STATUS_OK) {
        return status;
    }
    return elf_entry(&image, 0, entry, why);
}

enum status load_multiboot1(const struct load_request *request, const struct guest_memory *memory,
                            struct load_result *result, struct reason *why)
{
    const struct payload *payload = &request->payload;
    struct multiboot1_header header;
    uint64_t offset;
    uint64_t end;
    enum status status;
    if (!find_header(payload, &header, &offset)) {
        return refuse(why, STATUS_INVALID,
                      "no Multiboot 1 header with a valid checksum in the first %d bytes",
                      HEADER_SEARCH_BYTES);
    }
    status = check_flags(header.flags, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = (header.flags & HEADER_ADDRESSES) != 0
                 ? load_addresses(request, memory, offset, &result->entry, &end, why)
                 : load_elf(request, memory, &result->entry, &end, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = multiboot1_inform(
        request, &(struct load_placement){.memory = memory, .next = end, .end = 4 * GIB},
        &result->rbx, why);
    result->mode = START_PROTECTED;
    result->rax = BOOTED_MAGIC;
    return status;
}
