// SPDX-License-Identifier: MIT
// Finds room beside a payload's image, and fills it piece by piece.
#include "vmm/load/load_place.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_payload.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

enum status load_place(struct load_placement *placement, const char *what, uint64_t bytes,
                       uint64_t *address, struct reason *why)
{
    uint64_t start = ALIGN_UP(placement->next, PAGE_SIZE);
    if (start < GUEST_HIGH_MEMORY && (start > GUEST_EBDA || bytes > GUEST_EBDA - start)) {
        start = GUEST_HIGH_MEMORY;
    }
    if (start >= placement->end || bytes > placement->end - start ||
        !guest_memory_at(placement->memory, gpa(start), bytes)) {
        return refuse(why, STATUS_NO_MEMORY,
                      "%s of %llu KiB: no room in the VM's RAM from %#llx on", what,
                      (unsigned long long)(ALIGN_UP(bytes, KIB) / KIB), (unsigned long long)start);
    }
    *address = start;
    placement->next = start + bytes;
    return STATUS_OK;
}

enum status load_place_modules(const struct load_request *request, struct load_placement *placement,
                               uint64_t *addresses, struct reason *why)
{
    for (unsigned i = 0; i < request->module_count; i++) {
        const struct payload *module = &request->modules[i];
        struct load_piece piece = {
            .what = "module", .index = i, .file_bytes = module->size, .memory_bytes = module->size};
        enum status status = load_place(placement, "module", module->size, &piece.address, why);
        if (status != STATUS_OK) {
            return status;
        }
        status = payload_plan(module, placement->memory, &piece, request->plan, why);
        if (status != STATUS_OK) {
            return status;
        }
        addresses[i] = piece.address;
    }
    return STATUS_OK;
}

void load_write(struct load_block *block, const void *from, uint64_t bytes)
{
    if (block->bytes && bytes > 0) {
        memcpy(block->bytes + block->used, from, bytes);
    }
    block->used += bytes;
}

void load_align(struct load_block *block)
{
    static const uint8_t zeros[sizeof(uint64_t)];
    load_write(block, zeros, ALIGN_UP(block->used, sizeof(zeros)) - block->used);
}

uint64_t load_append(struct load_block *block, const void *from, uint64_t bytes)
{
    uint64_t address = block->address + block->used;
    load_write(block, from, bytes);
    load_align(block);
    return address;
}
