// SPDX-License-Identifier: MIT
// Puts the ROM and its vectors into a VM's memory.
#include "vmm/board/firmware.h"

#include "vmm/address.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define FIRMWARE_SEGMENT 0xf000
#define VECTORS 256
#define TABLE_END 0xff
#define TABLE_ENTRY_BYTES 3 // vector, offset
#define TABLE_START 2       // the offset of the default handler comes first

struct real_vector {
    uint16_t offset;
    uint16_t segment;
};
static_assert(sizeof(struct real_vector) == 4, "an entry of the real-mode vector table");

static uint16_t word_at(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

enum status firmware_install(const uint8_t *image, uint64_t size, const struct guest_memory *memory,
                             struct reason *why)
{
    struct real_vector *vectors = guest_memory_at(memory, gpa(0), VECTORS * sizeof(*vectors));
    uint8_t *rom =
        size <= FIRMWARE_MAX_BYTES ? guest_memory_at(memory, gpa(MIB - size), size) : NULL;
    if (!vectors || !rom || size <= TABLE_START) {
        return refuse(why, STATUS_RANGE, "firmware of %llu bytes does not fit below 1 MiB",
                      (unsigned long long)size);
    }
    memcpy(rom, image, size);
    for (unsigned i = 0; i < VECTORS; i++) {
        vectors[i] = (struct real_vector){word_at(image), FIRMWARE_SEGMENT};
    }
    for (uint64_t at = TABLE_START; at + TABLE_ENTRY_BYTES <= size && image[at] != TABLE_END;
         at += TABLE_ENTRY_BYTES) {
        vectors[image[at]] = (struct real_vector){word_at(image + at + 1), FIRMWARE_SEGMENT};
    }
    return STATUS_OK;
}
