// SPDX-License-Identifier: MIT
// Walks, makes and splits tables that map guest-physical memory.
#include "arch/x86/nested_table.h"

#include "arch/x86/frames.h"
#include "arch/x86/table_release.h"
#include "vmm/backend.h"

#define ADDRESS 0x000ffffffffff000ULL

static_assert(NESTED_STEPS_MAX == NESTED_LEVELS, "an entry of each level");

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

void nested_find(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                 struct nested_way *way)
{
    uint64_t *table = root;
    way->step_count = 0;
    way->page_bytes = 0;
    if (gpa.value / level_bytes(NESTED_LEVELS) >= NESTED_ENTRIES) {
        return; // more address bits than the tables have
    }
    for (unsigned level = NESTED_LEVELS; table; level--) {
        uint64_t *at = nested_entry(table, gpa, level);
        uint64_t entry = __atomic_load_n(at, __ATOMIC_RELAXED); // the CPU may set bits in it
        way->steps[way->step_count++] = (struct nested_step){
            .at = hpa(frames_physical(table) + (uint64_t)((char *)at - (char *)table)),
            .entry = entry,
            .access = format->allowed(entry)};
        if (!(entry & format->present)) {
            return;
        }
        if (level == 1 || (entry & NESTED_LARGE)) {
            way->page_bytes = level_bytes(level);
            way->hpa.value =
                (entry & ADDRESS & ~(way->page_bytes - 1)) | (gpa.value & (way->page_bytes - 1));
            return;
        }
        table = nested_table_of(entry);
    }
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

// No larger page fits later in the same table: its start is where one would begin.
uint64_t nested_map(const struct nested_format *format, uint64_t *root, gpa_t gpa, hpa_t hpa,
                    uint64_t bytes, unsigned access)
{
    unsigned level = largest_level(format, gpa, hpa, bytes);
    uint64_t step = level_bytes(level);
    uint64_t flags = format->page(access, level) | (level > 1 ? NESTED_LARGE : 0);
    uint64_t left = NESTED_ENTRIES - gpa.value / step % NESTED_ENTRIES;
    uint64_t count = MIN(bytes / step, left);
    uint64_t *entry;
    if (nested_walk(format, root, gpa, level, &entry) != STATUS_OK) {
        return 0;
    }
    for (uint64_t i = 0; i < count; i++) {
        entry[i] = (hpa.value + i * step) | flags;
    }
    return count * step;
}

enum status nested_unmap(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                         uint64_t bytes)
{
    for (uint64_t step, done = 0; done < bytes; done += step) {
        gpa_t at = {gpa.value + done};
        unsigned level =
            IS_ALIGNED(at.value, level_bytes(2)) && bytes - done >= level_bytes(2) ? 2 : 1;
        uint64_t *entry;
        enum status status = nested_walk(format, root, at, level, &entry);
        if (status != STATUS_OK) {
            return status;
        }
        if (level > 1 && *entry & format->present && !(*entry & NESTED_LARGE)) {
            frames_release(nested_table_of(*entry), 1);
        }
        *entry = 0;
        step = level_bytes(level);
    }
    return STATUS_OK;
}

bool nested_free(const struct nested_format *format, uint64_t *root)
{
    unsigned budget = TABLES_A_PIECE;
    return table_release(root, NESTED_LEVELS, format->present, &budget);
}
