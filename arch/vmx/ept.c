// SPDX-License-Identifier: MIT
// Extended page tables: a VM's guest-physical memory (SDM Vol. 3C 29.3), and its MSR and I/O
// bitmaps.
#include "arch/vmx/ept.h"

#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_tlb.h"
#include "arch/x86/frames.h"
#include "arch/x86/nested_table.h"
#include "arch/x86/spinlock.h"
#include "vmm/util/string.h"

#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_PRESENT (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_TYPE_WRITE_BACK (6ULL << 3)
#define EPT_SPLIT_TO_EXECUTE BIT(52) // ours: executable as soon as it is a 4 KiB page

#define EPTP_WALK_4 (3ULL << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

static_assert(EPT_READ == ACCESS_READ && EPT_WRITE == ACCESS_WRITE && EPT_EXECUTE == ACCESS_EXECUTE,
              "enum memory_access is used as it is");

// On CPUs without ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO a guest that changes the size of a page it
// executes may find two translations of it in the instruction TLB: a machine check that stops the
// host (CVE-2018-12207). Large pages are not executable there; what the guest executes is split.
static bool large_pages_execute(void)
{
    return vmx_capability()->page_size_change_safe;
}

static uint64_t page_flags(unsigned access, unsigned level)
{
    if (level > 1 && (access & ACCESS_EXECUTE) && !large_pages_execute()) {
        access &= ~(unsigned)ACCESS_EXECUTE;
        return EPT_TYPE_WRITE_BACK | access | EPT_SPLIT_TO_EXECUTE;
    }
    return EPT_TYPE_WRITE_BACK | access;
}

static unsigned largest_level(void)
{
    uint64_t capability = vmx_capability()->ept_vpid;
    if (capability & EPT_CAP_1G) {
        return 3;
    }
    return capability & EPT_CAP_2M ? 2 : 1;
}

static const struct nested_format format = {
    .present = EPT_PRESENT, .table = EPT_PRESENT, .page = page_flags, .largest = largest_level};

enum status ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = nested_map(&format, space->root, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return status;
}

// Executable 4 KiB pages have been so since another vCPU asked, or since they were mapped: then
// only this CPU's TLB is behind.
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

void ept_destroy(struct nested_space *space)
{
    if (space->root) {
        nested_free(&format, space->root);
    }
    if (space->msr_bitmap) {
        frames_release(space->msr_bitmap, 1);
    }
    if (space->io_bitmaps) {
        frames_release(space->io_bitmaps, 2);
    }
    vmx_apic_destroy(space);
    frames_release(space, 1);
}

enum status ept_create(struct nested_space **result)
{
    static uint64_t generations; // never one that a CPU has seen with a recycled EPTP
    struct nested_space *space = frames_allocate(1);
    if (!space) {
        return STATUS_NO_MEMORY;
    }
    space->root = frames_allocate(1);
    if (!space->root ||
        (vmx_serves_apic(vmx_capability()) && vmx_apic_create(space) != STATUS_OK)) {
        ept_destroy(space);
        return STATUS_NO_MEMORY;
    }
    space->msr_bitmap = frames_allocate(1);
    space->io_bitmaps = frames_allocate(2);
    if (!space->msr_bitmap || !space->io_bitmaps) {
        ept_destroy(space);
        return STATUS_NO_MEMORY;
    }
    // Everything exits until someone says otherwise.
    memset(space->msr_bitmap, 0xff, PAGE_SIZE);
    memset(space->io_bitmaps, 0xff, 2 * PAGE_SIZE);
    bool accessed_dirty = vmx_capability()->ept_vpid & EPT_CAP_ACCESSED_DIRTY;
    space->eptp = frames_physical(space->root) | EPT_TYPE_WRITE_BACK >> 3 | EPTP_WALK_4 |
                  (accessed_dirty ? EPTP_ACCESSED_DIRTY : 0);
    space->generation = __atomic_add_fetch(&generations, 1ULL << 32, __ATOMIC_RELAXED);
    *result = space;
    return STATUS_OK;
}

void vmx_bitmap_set(uint8_t *bitmap, uint32_t bit, bool value)
{
    uint8_t mask = (uint8_t)(1U << bit % 8);
    bitmap[bit / 8] = value ? bitmap[bit / 8] | mask : bitmap[bit / 8] & (uint8_t)~mask;
}

// Four bitmaps of 1 KiB: reads of 0 to 0x1fff, reads of 0xc0000000 to 0xc0001fff, then writes of
// both (SDM Vol. 3C 25.6.9). Any other MSR always exits.
void vmx_intercept_msr(struct nested_space *space, uint32_t msr, bool reads, bool writes)
{
    uint32_t bit = msr & 0x1fff;
    if (msr != bit && msr != (0xc0000000U | bit)) {
        return;
    }
    uint8_t *const bitmaps[] = {space->msr_bitmap, space->x2apic_msr_bitmap};
    for (unsigned i = 0; i < ARRAY_SIZE(bitmaps) && bitmaps[i]; i++) {
        uint8_t *low_or_high = bitmaps[i] + (msr == bit ? 0 : 1 * KIB);
        vmx_bitmap_set(low_or_high, bit, reads);
        vmx_bitmap_set(low_or_high + MSR_BITMAP_WRITES, bit, writes);
    }
}
