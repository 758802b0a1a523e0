// SPDX-License-Identifier: MIT
// Loads an ELF executable that follows no boot protocol. Gives it a stack, page tables, a command
// line, boot information and modules.
#include "vmm/load/load_elf_program.h"

#include "vmm/address.h"
#include "vmm/host.h"
#include "vmm/load/load.h"
#include "vmm/load/load_elf.h"
#include "vmm/load/load_multiboot1_info.h"
#include "vmm/load/load_page_tables.h"
#include "vmm/load/load_place.h"
#include "vmm/load/load_plan.h"
#include "vmm/memory/guest_map.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define START_STACK_BYTES (16 * KIB)
// Nothing is placed at address 0: a guest's NULL pointer should point to nothing.
#define LOWEST_ADDRESS PAGE_SIZE

// One block of RAM for what the guest gets besides its segments. In this order: stack, page tables,
// command line, boot information with modules.
struct start_block {
    uint64_t map_end; // of the identity map; 0: no page tables
    uint64_t table_bytes;
    uint64_t command_line_bytes; // with the NUL
    uint64_t bytes;              // of the whole block
    uint64_t address;
};

// One past the highest address to map. The map covers the low 4 GiB, where devices are, and all
// RAM.
static uint64_t end_of_map(const struct guest_memory *memory)
{
    uint64_t end = 4 * GIB;
    for (unsigned i = 0; i < memory->extent_count; i++) {
        end = MAX(end, memory->extents[i].gpa.value + memory->extents[i].bytes);
    }
    return end;
}

static enum status measure_block(struct start_block *block, const struct load_request *request,
                                 const struct guest_memory *memory, struct reason *why)
{
    uint64_t inform_bytes;
    enum status status = multiboot1_measure(request, memory, &inform_bytes, why);
    block->table_bytes = block->map_end != 0 ? page_tables_bytes(block->map_end) : 0;
    block->command_line_bytes = strlen(request->payload.command_line) + 1;
    block->bytes = START_STACK_BYTES + block->table_bytes +
                   ALIGN_UP(block->command_line_bytes, PAGE_SIZE) + inform_bytes;
    return status;
}

// Whether a segment reaches into the `bytes` at `start`. If so, `*below` becomes the segment's
// start.
static bool overlaps_segment(const struct elf_image *image, uint64_t start, uint64_t bytes,
                             uint64_t *below)
{
    struct elf_segment segment;
    for (unsigned i = 0; i < image->count; i++) {
        if (elf_segment_at(image, i, &segment) && segment.physical < start + bytes &&
            start < segment.physical + segment.memory_bytes) {
            *below = segment.physical;
            return true;
        }
    }
    return false;
}

// The highest free place in one range of RAM.
static bool place_in_range(const struct elf_image *image, const struct guest_range *range,
                           struct start_block *block)
{
    uint64_t floor = MAX(range->base, LOWEST_ADDRESS);
    uint64_t top = ALIGN_DOWN(range->base + range->bytes, PAGE_SIZE);
    // Each round goes below one more segment, so the loop ends.
    while (top > floor && top - floor >= block->bytes) {
        block->address = top - block->bytes;
        if (!overlaps_segment(image, block->address, block->bytes, &top)) {
            return true;
        }
        top = ALIGN_DOWN(top, PAGE_SIZE);
    }
    return false;
}

static enum status place_block(const struct elf_image *image, const struct guest_memory *memory,
                               struct start_block *block, struct reason *why)
{
    struct guest_map map;
    guest_memory_map(memory, &map);
    for (unsigned i = map.count; i-- > 0;) {
        if (map.ranges[i].type == GUEST_RANGE_RAM && map.ranges[i].base < 4 * GIB &&
            place_in_range(image, &map.ranges[i], block)) {
            return STATUS_OK;
        }
    }
    return refuse(why, STATUS_NO_MEMORY,
                  "no room for %llu KiB of stack, page tables, information and modules beside the "
                  "ELF segments",
                  (unsigned long long)(block->bytes / KIB));
}

static enum status write_block(const struct start_block *block, const struct load_request *request,
                               const struct guest_memory *memory, struct load_result *result,
                               struct reason *why)
{
    uint8_t *bytes = guest_memory_at(memory, gpa(block->address), block->bytes);
    uint64_t tables = START_STACK_BYTES;
    uint64_t text = tables + block->table_bytes;
    struct load_placement placement = {.memory = memory,
                                       .next = block->address + text + block->command_line_bytes,
                                       .end = block->address + block->bytes};
    memset(bytes, 0, tables);
    memcpy(bytes + text, request->payload.command_line, block->command_line_bytes);
    result->stack = block->address + START_STACK_BYTES;
    result->rdi = block->address + text;
    if (block->map_end != 0) {
        result->cr3 = block->address + tables;
        request->plan->tables =
            (struct load_tables){.address = result->cr3, .map_end = block->map_end};
    }
    return multiboot1_inform(request, &placement, &result->rbx, why);
}

// `map_end` is 0 where the program starts without paging.
static enum status load_program(const struct load_request *request, enum elf_class class,
                                uint64_t map_end, const struct guest_memory *memory,
                                struct load_result *result, struct reason *why)
{
    bool wide = class == ELF_CLASS_64;
    struct start_block block = {.map_end = map_end};
    struct elf_image image;
    uint64_t end;
    enum status status = elf_open(&request->payload, &image, why);
    if (status != STATUS_OK) {
        return status;
    }
    if (image.class != class) {
        return refuse(why, STATUS_INVALID, "ELF e_ident[EI_CLASS] is %d: expected %s", wide ? 1 : 2,
                      wide ? "2, ELF64" : "1, ELF32");
    }
    status = elf_load(&image, memory, wide ? UINT64_MAX : 4 * GIB, request->plan, &end, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = elf_entry(&image, ELF_EXECUTABLE, &result->entry, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = measure_block(&block, request, memory, why);
    if (status != STATUS_OK) {
        return status;
    }
    status = place_block(&image, memory, &block, why);
    if (status != STATUS_OK) {
        return status;
    }
    return write_block(&block, request, memory, result, why);
}

enum status load_elf64(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why)
{
    result->mode = START_LONG;
    result->rsi = guest_memory_size(memory);
    return load_program(request, ELF_CLASS_64, end_of_map(memory), memory, result, why);
}

enum status load_elf32(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why)
{
    result->mode = START_PROTECTED;
    result->rsi = MIN(guest_memory_size(memory), ALIGN_DOWN(UINT32_MAX, PAGE_SIZE));
    return load_program(request, ELF_CLASS_32, 0, memory, result, why);
}
