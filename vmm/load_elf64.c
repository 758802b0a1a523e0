// SPDX-License-Identifier: MIT
// Loads an ELF64 executable with the stack, page tables and command line that it starts with.
#include "vmm/load_elf.h"
#include "vmm/load_internal.h"
#include "vmm/load_page_tables.h"
#include "vmm/util/string.h"

#define START_STACK_BYTES (16 * KIB)
// Address 0 is never given out: a NULL of the guest's should stay one.
#define LOWEST_ADDRESS PAGE_SIZE

// One block of RAM for what the guest is given beside its segments, in this order: stack, page
// tables, command line.
struct start_block {
    uint64_t table_bytes;
    uint64_t command_line_bytes; // with the NUL
    uint64_t bytes;              // of the whole block
    uint64_t address;
};

// One past the highest address to map: all of the low 4 GiB, where the devices are, and all RAM.
static uint64_t end_of_map(const struct guest_memory *memory)
{
    uint64_t end = 4 * GIB;

    for (unsigned i = 0; i < memory->extent_count; i++) {
        end = MAX(end, memory->extents[i].gpa.value + memory->extents[i].bytes);
    }
    return end;
}

static void measure_block(struct start_block *block, uint64_t map_end, const char *command_line)
{
    block->table_bytes = page_tables_bytes(map_end);
    block->command_line_bytes = strlen(command_line) + 1;
    block->bytes =
        START_STACK_BYTES + block->table_bytes + ALIGN_UP(block->command_line_bytes, PAGE_SIZE);
}

// Whether a segment reaches into the `bytes` at `start`; if so, `*below` is where it starts.
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

// The highest free place in one extent.
static bool place_in_extent(const struct elf_image *image, const struct guest_extent *extent,
                            struct start_block *block)
{
    uint64_t floor = MAX(extent->gpa.value, LOWEST_ADDRESS);
    uint64_t top = extent->gpa.value + extent->bytes;

    // Each round ends below a segment that the round before did not, so it ends.
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
    for (unsigned i = memory->extent_count; i-- > 0;) {
        if (memory->extents[i].gpa.value < 4 * GIB &&
            place_in_extent(image, &memory->extents[i], block)) {
            return STATUS_OK;
        }
    }
    return refuse(why, STATUS_NO_MEMORY,
                  "no room for %llu KiB of page tables and stack beside the ELF segments",
                  (unsigned long long)(block->bytes / KIB));
}

static void write_block(const struct start_block *block, const struct guest_memory *memory,
                        const char *command_line, struct load_result *result)
{
    uint8_t *bytes = guest_memory_at(memory, gpa(block->address), block->bytes);
    uint64_t tables = START_STACK_BYTES;
    uint64_t text = tables + block->table_bytes;

    memset(bytes, 0, block->bytes);
    page_tables_write((uint64_t *)(void *)(bytes + tables), block->address + tables,
                      end_of_map(memory));
    memcpy(bytes + text, command_line, block->command_line_bytes);
    result->stack = block->address + START_STACK_BYTES;
    result->cr3 = block->address + tables;
    result->rdi = block->address + text;
}

enum status load_elf64(const struct load_request *request, const struct guest_memory *memory,
                       struct load_result *result, struct reason *why)
{
    struct elf_image image;
    struct start_block block = {0};
    uint64_t end;
    enum status status = elf_open(&request->payload, &image, why);

    if (status == STATUS_OK && image.class != ELF_CLASS_64) {
        status = refuse(why, STATUS_INVALID, "ELF e_ident[EI_CLASS] is 1: expected 2, ELF64");
    }
    if (status == STATUS_OK) {
        status = elf_load(&image, memory, UINT64_MAX, &end, why);
    }
    if (status == STATUS_OK) {
        status = elf_entry(&image, ELF_EXECUTABLE, &result->entry, why);
    }
    if (status != STATUS_OK) {
        return status;
    }
    measure_block(&block, end_of_map(memory), request->payload.command_line);
    status = place_block(&image, memory, &block, why);
    if (status != STATUS_OK) {
        return status;
    }
    write_block(&block, memory, request->payload.command_line, result);
    result->mode = START_LONG;
    result->rsi = guest_memory_size(memory);
    return STATUS_OK;
}
