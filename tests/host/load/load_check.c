// SPDX-License-Identifier: MIT
// Judges what a loader has made of a payload.
#include "tests/host/load/load_check.h"

#include <string.h>

#include "vmm/address.h"
#include "vmm/load/load.h"
#include "vmm/load/load_page_tables.h"
#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

static bool in_ram(const struct guest_memory *memory, uint64_t address, uint64_t bytes)
{
    return guest_memory_at(memory, gpa(address), bytes);
}

// Whether the registers with which a kind of payload starts point into RAM.
static bool registers_sound(const struct load_result *result, const struct guest_memory *memory)
{
    switch (result->kind) {
    case PAYLOAD_FLAT:
    case PAYLOAD_MULTIBOOT1:
        return in_ram(memory, result->rbx, 116);
    case PAYLOAD_ELF32:
    case PAYLOAD_ELF64:
        return in_ram(memory, result->rbx, 116) && in_ram(memory, result->rdi, 1);
    case PAYLOAD_LINUX:
        if (result->mode == START_REAL) {
            return in_ram(memory, (uint64_t)result->code_selector << 4, 1);
        }
        return in_ram(memory, result->rsi, PAGE_SIZE) &&
               in_ram(memory, result->gdt, result->gdt_bytes);
    case PAYLOAD_MULTIBOOT2:
        return in_ram(memory, result->rbx, 8) &&
               in_ram(memory, result->rbx, *(uint32_t *)(void *)(memory->base + result->rbx));
    default:
        return false;
    }
}

static bool mode_sound(const struct load_result *result, const struct guest_memory *memory)
{
    switch (result->mode) {
    case START_REAL:
        return result->entry < 0x10000 && result->stack >= 6 && result->stack <= 0x10000 &&
               in_ram(memory, ((uint64_t)result->data_selector << 4) + result->stack - 6, 6);
    case START_PROTECTED:
        return result->entry < 4 * GIB && result->rbx < 4 * GIB;
    case START_LONG:
        return IS_ALIGNED(result->cr3, PAGE_SIZE) && IS_ALIGNED(result->stack, 16) &&
               in_ram(memory, result->cr3, 6 * PAGE_SIZE) && in_ram(memory, result->stack - 1, 1);
    }
    return false;
}

static bool plan_sound(const struct load_plan *plan, const struct guest_memory *memory)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct load_copy *copy = &plan->copies[i];
        if (!in_ram(memory, copy->address, copy->bytes) || copy->file_bytes > copy->bytes) {
            return false;
        }
        for (unsigned j = 0; j < i; j++) {
            const struct load_copy *other = &plan->copies[j];
            if (copy->address < other->address + other->bytes &&
                other->address < copy->address + copy->bytes) {
                return false;
            }
        }
    }
    const struct load_tables *tables = &plan->tables;
    return tables->map_end == 0 ||
           in_ram(memory, tables->address, page_tables_bytes(tables->map_end));
}

const char *load_complaint(enum status status, const struct load_result *result,
                           const struct load_plan *plan, const struct guest_memory *memory,
                           const struct reason *why)
{
    if (status != STATUS_OK) {
        const char *end = memchr(why->text, '\0', sizeof(why->text));
        return !end || end == why->text || memchr(why->text, '\n', sizeof(why->text))
                   ? "a refusal that is not one line"
                   : NULL;
    }
    if (!plan_sound(plan, memory)) {
        return "a plan that leaves RAM or writes a byte twice";
    }
    if (!in_ram(memory, result->entry, 1)) {
        return "an entry outside RAM";
    }
    if (!mode_sound(result, memory)) {
        return "a start state that does not fit its mode";
    }
    return registers_sound(result, memory) ? NULL : "registers that point outside RAM";
}
