// SPDX-License-Identifier: MIT
// Recognises a payload's kind and calls the loader of that kind.
#include "vmm/load/load.h"

#include "vmm/load/load_elf.h"
#include "vmm/load/load_elf_program.h"
#include "vmm/load/load_flat.h"
#include "vmm/load/load_linux.h"
#include "vmm/load/load_linux_header.h"
#include "vmm/load/load_multiboot1.h"
#include "vmm/load/load_multiboot2.h"
#include "vmm/load/load_multiboot2_header.h"
#include "vmm/load/load_plan.h"
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

enum status payload_load(const struct load_request *request, const struct guest_memory *memory,
                         struct load_result *result, struct reason *why)
{
    enum payload_kind kind = request->kind;
    if (kind == PAYLOAD_UNKNOWN) {
        kind = payload_recognise(request->payload.bytes, request->payload.size);
    }
    memset(result, 0, sizeof(*result));
    memset(request->plan, 0, sizeof(*request->plan));
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
