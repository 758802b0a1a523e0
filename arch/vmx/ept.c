// SPDX-License-Identifier: MIT
// Extended page tables: a VM's guest-physical memory (SDM Vol. 3C 29.3), and its MSR and I/O
// bitmaps.
#include "arch/vmx/vmx.h"

#include "arch/vmx/vmx_tlb.h"

#include "arch/x86/frames.h"
#include "arch/x86/msr_numbers.h"
#include "vmm/util/string.h"

#define EPT_READ BIT(0)
#define EPT_WRITE BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_PRESENT (EPT_READ | EPT_WRITE | EPT_EXECUTE)
#define EPT_TYPE_WRITE_BACK (6ULL << 3)
#define EPT_LARGE BIT(7)
#define EPT_ADDRESS 0x000ffffffffff000ULL
#define EPT_SPLIT_TO_EXECUTE BIT(52) // ours: executable as soon as it is a 4 KiB page

#define EPTP_WALK_4 (3ULL << 3)
#define EPTP_ACCESSED_DIRTY BIT(6)

#define ENTRIES 512
#define LEVELS 4

static_assert(EPT_READ == ACCESS_READ && EPT_WRITE == ACCESS_WRITE && EPT_EXECUTE == ACCESS_EXECUTE,
              "enum memory_access is used as it is");

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
    return frames_virtual(entry & EPT_ADDRESS);
}

// On CPUs without ARCH_CAPABILITIES.IF_PSCHANGE_MC_NO a guest that changes the size of a page it
// executes may find two translations of it in the instruction TLB: a machine check that stops the
// host (CVE-2018-12207). Large pages are not executable there; what the guest executes is split.
static bool large_pages_execute(void)
{
    return vmx_capability()->page_size_change_safe;
}

static uint64_t access_bits(unsigned access, unsigned level)
{
    if (level > 1 && (access & ACCESS_EXECUTE) && !large_pages_execute()) {
        return (access & ~(unsigned)ACCESS_EXECUTE) | EPT_SPLIT_TO_EXECUTE;
    }
    return access;
}

// A large page becomes a table of the next smaller ones with the same access.
static enum status split(uint64_t *entry, unsigned level)
{
    uint64_t *table = frames_allocate(1);
    if (!table) {
        return STATUS_NO_MEMORY;
    }
    uint64_t step = level_bytes(level - 1);
    uint64_t first = level - 1 == 1 ? *entry & ~(uint64_t)EPT_LARGE : *entry;
    for (unsigned i = 0; i < ENTRIES; i++) {
        table[i] = first + i * step;
    }
    *entry = frames_physical(table) | EPT_PRESENT;
    return STATUS_OK;
}

// The entry for `gpa` at `level`, with the tables on the way made or split.
static enum status walk(struct nested_space *space, gpa_t gpa, unsigned level, uint64_t **entry)
{
    uint64_t *table = space->root;
    for (unsigned at = LEVELS; at > level; at--) {
        uint64_t *next = entry_of(table, gpa, at);
        enum status status = STATUS_OK;
        if (!(*next & EPT_PRESENT)) {
            uint64_t *made = frames_allocate(1);
            status = made ? STATUS_OK : STATUS_NO_MEMORY;
            *next = made ? frames_physical(made) | EPT_PRESENT : 0;
        } else if (*next & EPT_LARGE) {
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
    uint64_t capability = vmx_capability()->ept_vpid;
    for (unsigned level = 3; level > 1; level--) {
        uint64_t size = level_bytes(level);
        bool supported = capability & (level == 3 ? EPT_CAP_1G : EPT_CAP_2M);
        if (supported && bytes >= size && IS_ALIGNED(gpa.value | hpa.value, size)) {
            return level;
        }
    }
    return 1;
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
        uint64_t flags = EPT_TYPE_WRITE_BACK | (level > 1 ? EPT_LARGE : 0);
        *entry = hpa.value | flags | access_bits(access, level);
        uint64_t step = level_bytes(level);
        gpa.value += step;
        hpa.value += step;
        bytes -= step;
    }
    return STATUS_OK;
}

enum status ept_map(struct nested_space *space, gpa_t gpa, hpa_t hpa, uint64_t bytes,
                    unsigned access)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = map_pages(space, gpa, hpa, bytes, access);
    spinlock_release(&space->lock, flags);
    return status;
}

// Executable 4 KiB pages have been so since another vCPU asked, or since they were mapped: then
// only this CPU's TLB is behind.
static bool allow_execute(struct nested_space *space, gpa_t gpa)
{
    uint64_t *table = space->root;
    for (unsigned level = LEVELS; level > 0; level--) {
        uint64_t *entry = entry_of(table, gpa, level);
        if (*entry & EPT_SPLIT_TO_EXECUTE) {
            if (walk(space, gpa, 1, &entry) != STATUS_OK) {
                return false;
            }
            *entry = (*entry & ~(uint64_t)EPT_SPLIT_TO_EXECUTE) | EPT_EXECUTE;
            return true;
        }
        if (!(*entry & EPT_PRESENT) || level == 1 || (*entry & EPT_LARGE)) {
            return *entry & EPT_EXECUTE;
        }
        table = table_of(*entry);
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

enum status ept_unmap(struct nested_space *space, gpa_t gpa, uint64_t bytes)
{
    uint64_t flags = spinlock_acquire(&space->lock);
    enum status status = unmap_pages(space, gpa, bytes);
    spinlock_release(&space->lock, flags);
    __atomic_add_fetch(&space->generation, 1, __ATOMIC_RELEASE);
    return status;
}

static void free_tables(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; level > 1 && i < ENTRIES; i++) {
        if ((table[i] & EPT_PRESENT) && !(table[i] & EPT_LARGE)) {
            free_tables(table_of(table[i]), level - 1);
        }
    }
    frames_release(table, 1);
}

void ept_destroy(struct nested_space *space)
{
    if (space->root) {
        free_tables(space->root, LEVELS);
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
