// SPDX-License-Identifier: MIT
// Reads a payload within its bounds, and plans which pieces of it go where in RAM.
#include "vmm/load/load_payload.h"

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static bool is_inside(const struct payload *payload, uint64_t offset, uint64_t bytes)
{
    return offset <= payload->size && bytes <= payload->size - offset;
}

bool payload_read(const struct payload *payload, uint64_t offset, void *into, uint64_t bytes)
{
    if (!is_inside(payload, offset, bytes)) {
        return false;
    }
    if (bytes > 0) {
        memcpy(into, payload->bytes + offset, bytes);
    }
    return true;
}

enum status payload_plan(const struct payload *payload, const struct guest_memory *memory,
                         const struct load_piece *piece, struct load_plan *plan, struct reason *why)
{
    if (piece->file_bytes > piece->memory_bytes) {
        return refuse(why, STATUS_INVALID, "%s %u: %#llx bytes in the file, but %#llx in memory",
                      piece->what, piece->index, (unsigned long long)piece->file_bytes,
                      (unsigned long long)piece->memory_bytes);
    }
    if (!guest_memory_at(memory, gpa(piece->address), piece->memory_bytes)) {
        return refuse(why, STATUS_RANGE,
                      "%s %u: %#llx bytes at address %#llx do not fit in the VM's RAM of %llu KiB",
                      piece->what, piece->index, (unsigned long long)piece->memory_bytes,
                      (unsigned long long)piece->address,
                      (unsigned long long)(guest_memory_size(memory) / KIB));
    }
    if (!is_inside(payload, piece->offset, piece->file_bytes)) {
        return refuse(why, STATUS_INVALID,
                      "%s %u: %#llx bytes at offset %#llx are not in the file of %#llx bytes",
                      piece->what, piece->index, (unsigned long long)piece->file_bytes,
                      (unsigned long long)piece->offset, (unsigned long long)payload->size);
    }
    if (!load_plan_add(plan, &(struct load_copy){.address = piece->address,
                                                 .from = payload->bytes + piece->offset,
                                                 .file_bytes = piece->file_bytes,
                                                 .bytes = piece->memory_bytes})) {
        return refuse(why, STATUS_RANGE, "%s %u: more than %d pieces to load", piece->what,
                      piece->index, LOAD_PLAN_MAX);
    }
    return STATUS_OK;
}
