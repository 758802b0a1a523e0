// SPDX-License-Identifier: MIT
// Loads a flat binary like a PC's firmware loads a boot sector, but the whole file.
#include "vmm/load/load_flat.h"

#include "vmm/load/load.h"
#include "vmm/load/load_multiboot1_info.h"
#include "vmm/load/load_payload.h"
#include "vmm/load/load_place.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

#define BOOT_SECTOR_ADDRESS 0x7c00ULL
#define BOOT_SECTOR_BYTES 512
#define BOOT_SIGNATURE_OFFSET 510
#define FIRST_HARD_DISK 0x80 // the firmware gives a boot sector its drive number in DL
// The place of the boot information if it fits below the EBDA; otherwise it goes to 1 MiB. The
// modules follow it. A boot sector uses the memory directly above itself.
#define INFORMATION_ADDRESS 0x90000ULL
#define FLAT_BYTES_MAX (GUEST_EBDA - BOOT_SECTOR_ADDRESS)

bool flat_recognise(const struct payload *payload)
{
    static_assert(BOOT_SIGNATURE_OFFSET + 2 == BOOT_SECTOR_BYTES, "the last word of the sector");
    uint8_t signature[2];
    return payload_read(payload, BOOT_SIGNATURE_OFFSET, signature, sizeof(signature)) &&
           signature[0] == 0x55 && signature[1] == 0xaa;
}

enum status load_flat(const struct load_request *request, const struct guest_memory *memory,
                      struct load_result *result, struct reason *why)
{
    const struct payload *payload = &request->payload;
    const struct load_piece whole = {.what = "flat binary",
                                     .file_bytes = payload->size,
                                     .address = BOOT_SECTOR_ADDRESS,
                                     .memory_bytes = payload->size};
    struct load_placement placement = {
        .memory = memory,
        .next = MAX(INFORMATION_ADDRESS, BOOT_SECTOR_ADDRESS + payload->size),
        .end = 4 * GIB};
    enum status status;
    if (payload->size == 0 || payload->size > FLAT_BYTES_MAX) {
        return refuse(why, STATUS_RANGE, "a flat binary of %llu bytes: expected 1 to %llu",
                      (unsigned long long)payload->size, FLAT_BYTES_MAX);
    }
    result->mode = START_REAL;
    result->entry = BOOT_SECTOR_ADDRESS;
    result->stack = BOOT_SECTOR_ADDRESS;
    result->rdx = FIRST_HARD_DISK;
    result->interrupts_on = true;
    status = payload_plan(payload, memory, &whole, request->plan, why);
    if (status != STATUS_OK) {
        return status;
    }
    return multiboot1_inform(request, &placement, &result->rbx, why);
}
