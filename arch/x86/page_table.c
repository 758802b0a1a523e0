// SPDX-License-Identifier: MIT
// Builds and reads page tables.
#include "arch/x86/page_table.h"

#include "arch/x86/cpuid.h"
#include "arch/x86/feature_switches.h"
#include "arch/x86/features.h"
#include "arch/x86/frames.h"
#include "arch/x86/instructions.h"
#include "arch/x86/panic.h"
#include "arch/x86/table_release.h"

#define LEVEL_PT 1 // entries are pages of 4 KiB
#define LEVEL_PML4 4

static uint64_t flags_mask;     // without NX if the CPU lacks it
static unsigned level_max_page; // 2: pages up to 2 MiB, 3: up to 1 GiB

void page_table_init(void)
{
    uint32_t features = cpuid_checked(CPUID_EXTENDED_FEATURES, 0).edx;
    flags_mask = features & CPUID_80000001_EDX_NX ? UINT64_MAX : ~PAGE_NO_EXECUTE;
    bool pages_1g = (features & CPUID_80000001_EDX_PAGE_1G) && !feature_is_off(OPTIONAL_PAGES_1G);
    level_max_page = pages_1g ? 3 : 2;
}

// The size that one entry of a table of `level` covers.
static uint64_t entry_bytes(unsigned level)
{
    return BIT(12 + 9 * (level - 1));
}

static uint64_t *entry_in(uint64_t table, uint64_t address, unsigned level)
{
    uint64_t index = address / entry_bytes(level) % PAGE_TABLE_ENTRIES;
    return (uint64_t *)frames_virtual(table) + index;
}

// The table that `entry` points to. If there is none, it is made. 0: no frames.
static uint64_t table_below(uint64_t *entry)
{
    if (*entry & PAGE_LARGE) {
        panic("page tables: %p is a large page already", (void *)entry);
    }
    if (*entry & PAGE_PRESENT) {
        return *entry & PAGE_ADDRESS;
    }
    void *table = frames_allocate(1);
    if (!table) {
        return 0;
    }
    *entry = frames_physical(table) | PAGE_PRESENT | PAGE_WRITABLE;
    return *entry & PAGE_ADDRESS;
}

// The entry of `level` for `address`. Missing tables on the way are made. NULL: no frames.
static uint64_t *entry_make(uint64_t root, uint64_t address, unsigned level)
{
    uint64_t table = root;
    for (unsigned above = LEVEL_PML4; above > level; above--) {
        table = table_below(entry_in(table, address, above));
        if (table == 0) {
            return NULL;
        }
    }
    return entry_in(table, address, level);
}

static unsigned largest_level(uint64_t address, uint64_t physical, uint64_t bytes)
{
    for (unsigned level = level_max_page; level > LEVEL_PT; level--) {
        if (IS_ALIGNED(address | physical, entry_bytes(level)) && bytes >= entry_bytes(level)) {
            return level;
        }
    }
    return LEVEL_PT;
}

bool page_table_map(uint64_t root, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t flags)
{
    while (bytes > 0) {
        unsigned level = largest_level(address, physical, bytes);
        uint64_t *entry = entry_make(root, address, level);
        if (!entry) {
            return false;
        }
        if (*entry & PAGE_PRESENT) {
            panic("page tables: %#lx is mapped already", address);
        }
        *entry = physical | (flags & flags_mask) | (level > LEVEL_PT ? PAGE_LARGE : 0);
        address += entry_bytes(level);
        physical += entry_bytes(level);
        bytes -= entry_bytes(level);
    }
    return true;
}

// The entry that maps `address`, with its level. If nothing maps the address, it is the entry that
// is not present.
static uint64_t *entry_find(uint64_t root, uint64_t address, unsigned *level)
{
    uint64_t *entry = entry_in(root, address, LEVEL_PML4);
    for (*level = LEVEL_PML4; *level > LEVEL_PT; (*level)--) {
        if (!(*entry & PAGE_PRESENT) || (*entry & PAGE_LARGE)) {
            break;
        }
        entry = entry_in(*entry & PAGE_ADDRESS, address, *level - 1);
    }
    return entry;
}

void page_table_unmap(uint64_t root, uint64_t address, uint64_t bytes)
{
    uint64_t end = address + bytes;
    while (address < end) {
        unsigned level;
        uint64_t *entry = entry_find(root, address, &level);
        if (*entry & PAGE_PRESENT) {
            *entry = 0;
            invlpg(address);
        }
        address = ALIGN_DOWN(address, entry_bytes(level)) + entry_bytes(level);
    }
}

uint64_t page_table_look_up(uint64_t root, uint64_t address, uint64_t *page_bytes)
{
    unsigned level;
    uint64_t entry = *entry_find(root, address, &level);
    *page_bytes = entry_bytes(level);
    return entry & PAGE_PRESENT ? entry : 0;
}

bool page_table_reserve(uint64_t root, uint64_t address)
{
    return table_below(entry_in(root, address, LEVEL_PML4)) != 0;
}

bool page_table_drop(uint64_t root, uint64_t address, unsigned *budget)
{
    uint64_t *entry = entry_in(root, address, LEVEL_PML4);
    if (*entry & PAGE_PRESENT) {
        uint64_t *table = frames_virtual(*entry & PAGE_ADDRESS);
        if (*budget == 0 || !table_release(table, LEVEL_PML4 - 1, PAGE_PRESENT, budget)) {
            return false;
        }
    }
    *entry = 0;
    return true;
}
