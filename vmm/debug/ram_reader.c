// SPDX-License-Identifier: MIT
// Reads entries of page tables from a VM's RAM.
#include "vmm/debug/ram_reader.h"

#include "vmm/address.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

static bool read(struct table_reader *reader, gpa_t address, unsigned width, uint64_t *value)
{
    const struct guest_memory *memory = container_of(reader, struct ram_reader, reader)->memory;
    const void *at = guest_memory_at(memory, address, width);
    if (at) {
        *value = 0;
        memcpy(value, at, width);
    }
    return at;
}

void ram_reader_init(struct ram_reader *reader, const struct guest_memory *memory)
{
    *reader = (struct ram_reader){.reader.read = read, .memory = memory};
}
