// SPDX-License-Identifier: MIT
// Walks, makes and splits tables that map guest-physical memory.
#include "arch/x86/nested_table.h"

#include "arch/x86/frames.h"

#define ADDRESS 0x000ffffffffff000ULL

// The size that an entry at `level` maps.
static uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

uint64_t *nested_entry(uint64_t *table, gpa_t gpa, unsigned level)
{
    return &table[gpa.value / level_bytes(level) % NESTED_ENTRIES];
}

uint64_t *nested_table_of(uint64_t entry)
{
    return frames_virtual(entry & ADDRESS);
}

// Replaces a large page by a table of the next smaller pages, with the same access.
static void fill(uint64_t *table, uint64_t page, unsigned level)
{
    uint64_t step = level_bytes(level - 1);
    uint64_t first = level - 1 == 1 ? page & ~(uint64_t)NESTED_LARGE : page;
    for (unsigned i = 0; i < NESTED_ENTRIES; i++) {
        table[i] = first + i * step;
    }
}

// The table below an entry at `level`.
static uint64_t *descend(const struct nested_format *format, uint64_t *entry, unsigned level)
{
    bool present = *entry & format->present;
    if (present && !(*entry & NESTED_LARGE)) {
        return nested_table_of(*entry);
    }
    uint64_t *table = frames_allocate(1);
    if (!table) {
        return NULL;
    }
    if (present) {
        fill(table, *entry, level);
    }
    *entry = frames_physical(table) | format->table;
    return table;
}

enum status nested_walk(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                        unsigned level, uint64_t **entry)
{
    uint64_t *table = root;
    for (unsigned at = NESTED_LEVELS; at > level; at--) {
        table = descend(format, nested_entry(table, gpa, at), at);
        if (!table) {
            return STATUS_NO_MEMORY;
        }
    }
    *entry = nested_entry(table, gpa, level);
    return STATUS_OK;
}

static unsigned largest_level(const struct nested_format *format, gpa_t gpa, hpa_t hpa,
                              uint64_t bytes)
{
    for (unsigned level = format->largest(); level > 1; level--) {
        uint64_t size = level_bytes(level);
        if (bytes >= size && IS_ALIGNED(gpa.value | hpa.value, size)) {
            return level;
        }
    }
    return 1;
}

enum status nested_map(const struct nested_format *format, uint64_t *root, gpa_t gpa, hpa_t hpa,
                       uint64_t bytes, unsigned access)
{
    while (bytes > 0) {
        unsigned level = largest_level(format, gpa, hpa, bytes);
        uint64_t *entry;
        enum status status = nested_walk(format, root, gpa, level, &entry);
        if (status != STATUS_OK) {
            return status;
        }
        *entry = hpa.value | format->page(access, level) | (level > 1 ? NESTED_LARGE : 0);
        uint64_t step = level_bytes(level);
        gpa.value += step;
        hpa.value += step;
        bytes -= step;
    }
    return STATUS_OK;
}

enum status nested_unmap(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                         uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes; done += PAGE_SIZE) {
        uint64_t *entry;
        enum status status = nested_walk(format, root, (gpa_t){gpa.value + done}, 1, &entry);
        if (status != STATUS_OK) {
            return status;
        }
        *entry = 0;
    }
    return STATUS_OK;
}

static void free_tables(const struct nested_format *format, uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < NESTED_ENTRIES; i++) {
        if ((table[i] & format->present) && !(table[i] & NESTED_LARGE)) {
            free_tables(format, nested_table_of(table[i]), level - 1);
        }
    }
    frames_release(table, 1);
}

void nested_free(const struct nested_format *format, uint64_t *root)
{
    free_tables(format, root, NESTED_LEVELS);
}
