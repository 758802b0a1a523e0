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
#define NPT_NO_EXECUTE BIT(63)
#define NPT_TABLE (NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED)

static uint64_t page_flags(unsigned access, unsigned level)
{
    (void)level;
    return NPT_PRESENT | NPT_USER | NPT_ACCESSED | NPT_DIRTY |
           (access & ACCESS_WRITE ? NPT_WRITE : 0) | (access & ACCESS_EXECUTE ? 0 : NPT_NO_EXECUTE);
}

static unsigned largest_level(void)
{
    return svm_capability()->pages_1g ? 3 : 2;
}

static const struct nested_format format = {
    .present = NPT_PRESENT, .table = NPT_TABLE, .page = page_flags, .largest = largest_level};

enum status npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = nested_map(&format, space->root, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return status;
}

// Who reads the new generation finds the tables changed, also where it was not possible in full.
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = nested_unmap(&format, space->root, gpa, bytes);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_RELEASE);
    spinlock_release(&space->lock, flags);
    return status;
}

// Entries are written whole, so that a walk by another CPU finds either the old or the new.
static void copy_table(uint64_t *to, const uint64_t *from)
{
    for (unsigned i = 0; i < NESTED_ENTRIES; i++) {
        to[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
    }
}

bool npt_copy_path(struct nested_space *space, gpa_t gpa, uint64_t *tables[NESTED_LEVELS],
                   hpa_t page)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    const uint64_t *from = space->root;
    bool free = true; // nothing is mapped there
    for (unsigned level = NESTED_LEVELS; level > 0 && free; level--) {
        uint64_t *table = tables[NESTED_LEVELS - level];
        uint64_t *entry = nested_entry(table, gpa, level);
        if (from) {
            copy_table(table, from);
        } else {
            memset(table, 0, PAGE_SIZE);
        }
        bool present = *entry & NPT_PRESENT;
        free = !present || (level > 1 && !(*entry & NESTED_LARGE));
        from = present && free ? nested_table_of(*entry) : NULL;
        *entry = level > 1 ? frames_physical(tables[NESTED_LEVELS - level + 1]) | NPT_TABLE
                           : page.value | page_flags(ACCESS_READ | ACCESS_WRITE, 1);
    }
    spinlock_release(&space->lock, flags);
    return free;
}

void npt_destroy(struct nested_space *space)
{
    if (space->root) {
        nested_free(&format, space->root);
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
    svm_msr_map_begin(space->msr_map);
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
