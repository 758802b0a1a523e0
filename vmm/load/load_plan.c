// SPDX-License-Identifier: MIT
// Keeps the list of what is to be copied into a VM's memory, and copies it piece by piece.
#include "vmm/load/load_plan.h"

#include "vmm/address.h"
#include "vmm/load/load_page_tables.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// An entry of a page table takes as long as a copy of so many bytes.
#define ENTRY_COST 64

bool load_plan_add(struct load_plan *plan, const struct load_copy *copy)
{
    if (copy->bytes == 0) {
        return true;
    }
    if (plan->count == LOAD_PLAN_MAX) {
        return false;
    }
    plan->copies[plan->count++] = *copy;
    return true;
}

static void copy_piece(struct load_plan *plan, const struct guest_memory *memory, uint64_t most)
{
    const struct load_copy *copy = &plan->copies[plan->next];
    bool zeros = plan->done >= copy->file_bytes;
    uint64_t bytes = MIN(most, (zeros ? copy->bytes : copy->file_bytes) - plan->done);
    uint8_t *to = guest_memory_at(memory, gpa(copy->address + plan->done), bytes);
    if (zeros) {
        memset(to, 0, bytes);
    } else {
        memcpy(to, copy->from + plan->done, bytes);
    }
    plan->done += bytes;
    if (plan->done == copy->bytes) {
        plan->next++;
        plan->done = 0;
    }
}

static void write_piece(struct load_tables *tables, const struct guest_memory *memory,
                        uint64_t entries)
{
    uint64_t at = tables->address + tables->done * sizeof(uint64_t);
    page_tables_write(guest_memory_at(memory, gpa(at), entries * sizeof(uint64_t)), tables->address,
                      tables->map_end, tables->done, entries);
    tables->done += entries;
}

bool load_plan_step(struct load_plan *plan, const struct guest_memory *memory, uint64_t most)
{
    struct load_tables *tables = &plan->tables;
    uint64_t entries = tables->map_end ? page_tables_bytes(tables->map_end) / sizeof(uint64_t) : 0;
    if (plan->next < plan->count) {
        copy_piece(plan, memory, most);
    } else if (tables->done < entries) {
        write_piece(tables, memory, MIN(MAX(most / ENTRY_COST, 1U), entries - tables->done));
    }
    return plan->next == plan->count && tables->done == entries;
}
