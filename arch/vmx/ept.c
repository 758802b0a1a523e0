// SPDX-License-Identifier: MIT
// Extended page tables: a VM's guest-physical memory (SDM Vol. 3C 29.3).
#include "arch/vmx/ept.h"

#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_tlb.h"
#include "arch/x86/errata.h"
#include "arch/x86/frames.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/spinlock.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_PRESENT (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_TYPE_SHIFT 3
#define EPT_TYPE_MASK 7U
#define EPT_TYPE_WRITE_BACK (6ULL << EPT_TYPE_SHIFT)
#define EPT_IGNORE_PAT BIT(6)
#define EPT_SPLIT_TO_EXECUTE BIT(52) // ignored by the CPU: executable once split into 4 KiB pages

#define EPTP_WALK_4 (3ULL << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

static_assert(EPT_READ == ACCESS_READ && EPT_WRITE == ACCESS_WRITE && EPT_EXECUTE == ACCESS_EXECUTE,
              "enum memory_access is used as it is");

// A guest can change the size of a page that it executes. On CPUs without
// ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO the instruction TLB may then hold two translations of the
// page. That is a machine check, which stops the host (CVE-2018-12207). On these CPUs large pages
// are not executable. A page that the guest executes is split.
static bool large_pages_execute(void)
{
    return vmx_capability()->page_size_change_safe;
}

// Husk uses the guest's memory as write-back. If the guest's own page tables or CR0.CD say other
// types, both must see the same bytes all the same. Caches do that by self-snooping (SDM Vol. 3A
// 12.12.4); without it the guest's types do not count (SDM Vol. 3C 29.3.7.2).
static uint64_t memory_type(void)
{
    return EPT_TYPE_WRITE_BACK | (erratum_in_force(ERRATUM_SELF_SNOOP) ? EPT_IGNORE_PAT : 0);
}

static uint64_t page_flags(unsigned access, unsigned level)
{
    if (level > 1 && (access & ACCESS_EXECUTE) && !large_pages_execute()) {
        access &= ~(unsigned)ACCESS_EXECUTE;
        return memory_type() | access | EPT_SPLIT_TO_EXECUTE;
    }
    return memory_type() | access;
}

static unsigned largest_level(void)
{
    uint64_t capability = vmx_capability()->ept_vpid;
    if (capability & EPT_CAP_1G) {
        return 3;
    }
    return capability & EPT_CAP_2M ? 2 : 1;
}

static unsigned allowed(uint64_t entry)
{
    return entry & EPT_PRESENT; // its bits are those of enum memory_access
}

static const struct nested_format format = {.present = EPT_PRESENT,
                                            .table = EPT_PRESENT,
                                            .page = page_flags,
                                            .allowed = allowed,
                                            .largest = largest_level};

enum status ept_create(struct nested_space *space)
{
    space->root = frames_allocate(1);
    if (!space->root) {
        return STATUS_NO_MEMORY;
    }
    bool accessed_dirty = vmx_capability()->ept_vpid & EPT_CAP_ACCESSED_DIRTY;
    space->eptp = frames_physical(space->root) | EPT_TYPE_WRITE_BACK >> EPT_TYPE_SHIFT |
                  EPTP_WALK_4 | (accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
    return STATUS_OK;
}

bool ept_destroy(struct nested_space *space)
{
    return !space->root || nested_free(&format, space->root);
}

uint64_t ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes, unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    uint64_t mapped = nested_map(&format, space->root, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return mapped;
}

// The page may be an executable 4 KiB page already: it was mapped so, or another vCPU asked for it.
// Then only this CPU's TLB is out of date.
static bool allow_execute(struct nested_space *space, gpa_t gpa)
{
    uint64_t *table = space->root;
    for (unsigned level = NESTED_LEVELS; level > 0; level--) {
        uint64_t *entry = nested_entry(table, gpa, level);
        if (*entry & EPT_SPLIT_TO_EXECUTE) {
            if (nested_walk(&format, space->root, gpa, 1, &entry) != STATUS_OK) {
                return false;
            }
            *entry = (*entry & ~(uint64_t)EPT_SPLIT_TO_EXECUTE) | EPT_EXECUTE;
            return true;
        }
        if (!(*entry & EPT_PRESENT) || level == 1 || (*entry & NESTED_LARGE)) {
            return *entry & EPT_EXECUTE;
        }
        table = nested_table_of(*entry);
    }
    return false;
}

bool ept_allow_execute(struct nested_space *space, gpa_t gpa)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    bool allowed = allow_execute(space, gpa);
    spinlock_release(&space->lock, flags);
    if (allowed) {
        vmx_flush_nested(vmx_capability(), space->eptp);
    }
    return allowed;
}

enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = nested_unmap(&format, space->root, gpa, bytes);
    spinlock_release(&space->lock, flags);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_RELEASE);
    return status;
}

// Bits 5 to 3 of the entry that maps the page are its type (29.3.7).
void ept_find(struct nested_space *space, gpa_t gpa, struct nested_way *way)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    nested_find(&format, space->root, gpa, way);
    spinlock_release(&space->lock, flags);
    uint64_t last = way->step_count > 0 ? way->steps[way->step_count - 1].entry : 0;
    way->memory_type = last >> EPT_TYPE_SHIFT & EPT_TYPE_MASK;
    way->ignores_pat = last & EPT_IGNORE_PAT;
}
