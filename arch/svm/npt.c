// SPDX-License-Identifier: MIT
// Nested page tables: a VM's guest-physical memory (APM Vol. 2 15.25).
#include "arch/svm/npt.h"

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/x86/frames.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/spinlock.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/util/status.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// The entries have the format of long-mode tables. A guest's accesses count as a user's (15.25.5).
// Accessed and dirty are set from the start, so the CPU need not write them.
#define NPT_PRESENT BIT(0)
#define NPT_WRITE BIT(1)
#define NPT_USER BIT(2)
#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)
#define NPT_NO_EXECUTE BIT(63)
#define PAT_TYPE_MASK 7U
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

static unsigned allowed(uint64_t entry)
{
    if (!(entry & NPT_PRESENT)) {
        return 0;
    }
    return ACCESS_READ | (entry & NPT_WRITE ? ACCESS_WRITE : 0) |
           (entry & NPT_NO_EXECUTE ? 0 : ACCESS_EXECUTE);
}

static const struct nested_format format = {.present = NPT_PRESENT,
                                            .table = NPT_TABLE,
                                            .page = page_flags,
                                            .allowed = allowed,
                                            .largest = largest_level};

uint64_t npt_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes, unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    uint64_t mapped = nested_map(&format, space->root, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return mapped;
}

// A CPU that reads the new generation finds the tables changed. The generation changes even if an
// error left a part of the range mapped.
enum status npt_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = nested_unmap(&format, space->root, gpa, bytes);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_RELEASE);
    spinlock_release(&space->lock, flags);
    return status;
}

// Other CPUs may walk or change the table meanwhile, so each entry is read whole.
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

bool npt_free(uint64_t *root)
{
    return nested_free(&format, root);
}

// The host's PAT has the types of nested entries (15.25.8). Theirs is entry 0, as the bits PWT, PCD
// and PAT are clear in all of them.
void npt_find(struct nested_space *space, gpa_t gpa, struct nested_way *way)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    nested_find(&format, space->root, gpa, way);
    spinlock_release(&space->lock, flags);
    way->memory_type = rdmsr(IA32_PAT) & PAT_TYPE_MASK;
    way->ignores_pat = false;
}
