// SPDX-License-Identifier: MIT
// Recognises a payload's kind and calls the loader of that kind.
#include "vmm/load/load.h"

#include "vmm/address.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_internal.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static const char *const kind_names[] = {
    [PAYLOAD_UNKNOWN] = "unknown",       [PAYLOAD_FLAT] = "flat",
    [PAYLOAD_ELF32] = "elf32",           [PAYLOAD_ELF64] = "elf64",
    [PAYLOAD_LINUX] = "linux",           [PAYLOAD_MULTIBOOT1] = "multiboot1",
    [PAYLOAD_MULTIBOOT2] = "multiboot2",
};
static_assert(ARRAY_SIZE(kind_names) == PAYLOAD_KINDS, "a name for each kind");

const char *payload_kind_name(enum payload_kind kind)
{
    return (unsigned)kind < PAYLOAD_KINDS ? kind_names[kind] : kind_names[PAYLOAD_UNKNOWN];
}

bool payload_read(const struct payload *payload, uint64_t offset, void *into, uint64_t bytes)
{
    if (offset > payload->size || bytes > payload->size - offset) {
        return false;
    }
    if (bytes > 0) {
        memcpy(into, payload->bytes + offset, bytes);
    }
    return true;
}

enum payload_kind payload_recognise(const uint8_t *bytes, uint64_t size)
{
    const struct payload payload = {.bytes = bytes, .size = size, .command_line = ""};
    // The strongest sign comes first. A Multiboot header in an ELF file or beside a Linux header is
    // there on purpose. A file with both Multiboot headers works with either; version 2 tells the
    // kernel more.
    if (multiboot2_recognise(&payload)) {
        return PAYLOAD_MULTIBOOT2;
    }
    if (multiboot1_recognise(&payload)) {
        return PAYLOAD_MULTIBOOT1;
    }
    // This comes before flat: a kernel image has a boot sector's signature too.
    if (linux_recognise(&payload)) {
        return PAYLOAD_LINUX;
    }
    switch (elf_recognise(&payload)) {
    case ELF_CLASS_64:
        return PAYLOAD_ELF64;
    case ELF_CLASS_32:
        return PAYLOAD_ELF32;
    default:
        return flat_recognise(&payload) ? PAYLOAD_FLAT : PAYLOAD_UNKNOWN;
    }
}

enum status load_copy(const struct payload *payload, const struct guest_memory *memory,
                      const struct load_piece *piece, struct reason *why)
{
    uint8_t *to;
    if (piece->file_bytes > piece->memory_bytes) {
        return refuse(why, STATUS_INVALID, "%s %u: %#llx bytes in the file, but %#llx in memory",
                      piece->what, piece->index, (unsigned long long)piece->file_bytes,
                      (unsigned long long)piece->memory_bytes);
    }
    to = guest_memory_at(memory, gpa(piece->address), piece->memory_bytes);
    if (!to) {
        return refuse(why, STATUS_RANGE,
                      "%s %u: %#llx bytes at address %#llx do not fit in the VM's RAM of %llu KiB",
                      piece->what, piece->index, (unsigned long long)piece->memory_bytes,
                      (unsigned long long)piece->address,
                      (unsigned long long)(guest_memory_size(memory) / KIB));
    }
    if (!payload_read(payload, piece->offset, to, piece->file_bytes)) {
        return refuse(why, STATUS_INVALID,
                      "%s %u: %#llx bytes at offset %#llx are not in the file of %#llx bytes",
                      piece->what, piece->index, (unsigned long long)piece->file_bytes,
                      (unsigned long long)piece->offset, (unsigned long long)payload->size);
    }
    memset(to + piece->file_bytes, 0, piece->memory_bytes - piece->file_bytes);
    return STATUS_OK;
}

enum status payload_load(const struct load_request *request, const struct guest_memory *memory,
                         struct load_result *result, struct reason *why)
{
    enum payload_kind kind = request->kind;
    if (kind == PAYLOAD_UNKNOWN) {
        kind = payload_recognise(request->payload.bytes, request->payload.size);
    }
    memset(result, 0, sizeof(*result));
    result->kind = kind;
    if (request->module_count > LOAD_MODULES_MAX) {
        return refuse(why, STATUS_RANGE, "%u further modules given, expected %d at most",
                      request->module_count, LOAD_MODULES_MAX);
    }
    switch (kind) {
    case PAYLOAD_FLAT:
        return load_flat(request, memory, result, why);
    case PAYLOAD_ELF32:
        return load_elf32(request, memory, result, why);
    case PAYLOAD_ELF64:
        return load_elf64(request, memory, result, why);
    case PAYLOAD_LINUX:
        return load_linux(request, memory, result, why);
    case PAYLOAD_MULTIBOOT1:
        return load_multiboot1(request, memory, result, why);
    case PAYLOAD_MULTIBOOT2:
        return load_multiboot2(request, memory, result, why);
    default:
        return refuse(why, STATUS_INVALID,
                      "payload of %llu bytes of an unknown kind: expected Multiboot 1 or 2, a "
                      "bzImage, ELF, or 0x55aa at offset 510 (else say kind=flat)",
                      (unsigned long long)request->payload.size);
    }
}
