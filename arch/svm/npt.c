// SPDX-License-Identifier: MIT
// Nested page tables: a VM's guest-physical memory (APM Vol. 2 15.25), and its MSR and I/O
// permission maps.
#include "arch/svm/svm_cpu.h"

#include "arch/x86/frames.h"
#include "vmm/util/string.h"

// Entries are those of the long-mode tables. A guest's accesses count as a user's (15.25.5).
// Accessed and dirty are set from the start, so that the CPU need not write them.
#define NPT_PRESENT BIT(0)
#define NPT_WRITE BIT(1)
#define NPT_USER BIT(2)
#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)
#define NPT_LARGE BIT(7)
#define NPT_NO_EXECUTE BIT(63)
#define NPT_ADDRESS 0x000ffffffffff000ULL
#define NPT_TABLE (NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED)

#define ENTRIES 512

// What an entry at `level` maps: 1: 4 KiB, 2: 2 MiB, 3: 1 GiB.
static uint64_t level_bytes(unsigned level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static uint64_t *entry_of(uint64_t *table, gpa_t gpa, unsigned level)
{
    return &table[gpa.value / level_bytes(level) % ENTRIES];
}

static uint64_t *table_of(uint64_t entry)
{
    return frames_virtual(entry & NPT_ADDRESS);
}

// A large page becomes a table of the next smaller ones with the same access.
static enum status split(uint64_t *entry, unsigned level)
{
    uint64_t *table = frames_allocate(1);
    if (!table) {
        return STATUS_NO_MEMORY;
    }
    uint64_t step = level_bytes(level - 1);
    uint64_t first = level - 1 == 1 ? *entry & ~(uint64_t)NPT_LARGE : *entry;
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = first + i * step;
    }
    *entry = frames_physical(table) | NPT_TABLE;
    return STATUS_OK;
}

// The entry for `gpa` at `level`, with the tables on the way made or split.
static enum status walk(struct nested_space *space, gpa_t gpa, unsigned level, uint64_t **entry)
{
    uint64_t *table = space->root;
    for (unsigned at = NPT_LEVELS; at > level; at--) {
        uint64_t *next = entry_of(table, gpa, at);
        enum status status = STATUS_OK;
        if (!(*next & NPT_PRESENT)) {
            uint64_t *made = frames_allocate(1);
            status = made ? STATUS_OK : STATUS_NO_MEMORY;
            *next = made ? frames_physical(made) | NPT_TABLE : 0;
        } else if (*next & NPT_LARGE) {
            status = split(next, at);
        }
        if (status != STATUS_OK) {
            return status;
        }
        table = table_of(*next);
    }
    *entry = entry_of(table, gpa, level);
    return STATUS_OK;
}

static unsigned largest_level(gpa_t gpa, hpa_t hpa, uint64_t bytes)
{
    for (unsigned level = svm_capability()->pages_1g ? 3 : 2; level > 1; level--) {
        uint64_t size = level_bytes(level);
        if (bytes >= size && IS_ALIGNED(gpa.value | hpa.value, size)) {
            return level;
        }
    }
    return 1;
}

static uint64_t leaf_flags(unsigned access, unsigned level)
{
    return NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY |
           (access & ACCESS_WRITE ? NPT_WRITE : 0) |
           (access & ACCESS_EXECUTE ? 0 : NPT_NO_EXECUTE) | (level > 1 ? NPT_LARGE : 0);
}

static enum status map_pages(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                             unsigned access)
{
    while (bytes > 0) {
        unsigned level = largest_level(gpa, hpa, bytes);
        uint64_t *entry;
        enum status status = walk(space, gpa, level, &entry);
        if (status != STATUS_OK) {
            return status;
        }
        *entry = hpa.value | leaf_flags(access, level);
        uint64_t step = level_bytes(level);
        gpa.value += step;
        hpa.value += step;
        bytes -= step;
    }
    return STATUS_OK;
}

static enum status unmap_pages(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    for (uint64_t done = 0; done < bytes; done += PAGE_SIZE) {
        uint64_t *entry;
        enum status status = walk(space, (gpa_t){gpa.value + done}, 1, &entry);
        if (status != STATUS_OK) {
            return status;
        }
        *entry = 0;
    }
    return STATUS_OK;
}

enum status npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = map_pages(space, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return status;
}

// Who reads the new generation finds the tables changed, also where it was not possible in full.
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = unmap_pages(space, gpa, bytes);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_RELEASE);
    spinlock_release(&space->lock, flags);
    return status;
}

// Entries are written whole, so that a walk by another CPU finds either the old or the new.
static void copy_table(uint64_t *to, const uint64_t *from)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

bool npt_copy_path(struct nested_space *space, gpa_t gpa, uint64_t *tables[NPT_LEVELS], hpa_t page)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    const uint64_t *from = space->root;
    bool free = true; // nothing is mapped there
    for (unsigned level = NPT_LEVELS; level > 0 && free; level--) {
        uint64_t *table = tables[NPT_LEVELS - level];
        uint64_t *entry = entry_of(table, gpa, level);
        if (from) {
            copy_table(table, from);
        } else {
            memset(table, 0, PAGE_SIZE);
        }
        bool present = *entry & NPT_PRESENT;
        free = !present || (level > 1 && !(*entry & NPT_LARGE));
        from = present && free ? table_of(*entry) : NULL;
        *entry = level > 1 ? frames_physical(tables[NPT_LEVELS - level + 1]) | NPT_TABLE
                           : page.value | leaf_flags(ACCESS_READ | ACCESS_WRITE, 1);
    }
    spinlock_release(&space->lock, flags);
    return free;
}

static void free_tables(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        if ((table[i] & NPT_PRESENT) && !(table[i] & NPT_LARGE)) {
            free_tables(table_of(table[i]), level - 1);
        }
    }
    frames_release(table, 1);
}

void npt_destroy(struct nested_space *space)
{
    if (space->root) {
        free_tables(space->root, NPT_LEVELS);
    }
    if (space->msr_map) {
        frames_release(space->msr_map, MSR_MAP_PAGES);
    }
    if (space->io_map) {
        frames_release(space->io_map, IO_MAP_PAGES);
    }
    svm_avic_destroy(space);
    frames_release(space, 1);
}

enum status npt_create(struct nested_space **result)
{
    static uint64_t generations; // never one that a vCPU has seen with another space
    struct nested_space *space = frames_allocate(1);
    if (!space) {
        return STATUS_NO_MEMORY;
    }
    space->root = frames_allocate(1);
    space->msr_map = frames_allocate(MSR_MAP_PAGES);
    space->io_map = frames_allocate(IO_MAP_PAGES);
    if (!space->root || !space->msr_map || !space->io_map) {
        npt_destroy(space);
        return STATUS_NO_MEMORY;
    }
    // Everything exits until someone says otherwise.
    memset(space->msr_map, 0xff, MSR_MAP_PAGES * PAGE_SIZE);
    memset(space->io_map, 0xff, IO_MAP_PAGES * PAGE_SIZE);
    if (svm_serves_apic() && svm_avic_create(space) != STATUS_OK) {
        npt_destroy(space);
        return STATUS_NO_MEMORY;
    }
    space->generation = __atomic_add_fetch(&generations, 1ULL << 32, __ATOMIC_RELAXED);
    *result = space;
    return STATUS_OK;
}

void svm_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    svm_msr_map_set(space->msr_map, msr, reads, writes);
    if (space->x2apic_msr_map) {
        svm_msr_map_set(space->x2apic_msr_map, msr, reads, writes);
    }
    spinlock_release(&space->lock, flags);
}
