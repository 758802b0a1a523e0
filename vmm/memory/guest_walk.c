// SPDX-License-Identifier: MIT
// Walks a guest's own page tables (SDM Vol. 3A chapter 4).
#include "vmm/memory/guest_walk.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/backend.h"
#include "vmm/memory/guest_memory.h"
#include "vmm/util/types.h"

#define CHANGES_MAX 8 // how often a walk starts again because another CPU changed an entry

enum entry_bits {
    ENTRY_PRESENT = BIT(0),
    ENTRY_WRITABLE = BIT(1),
    ENTRY_USER = BIT(2),
    ENTRY_ACCESSED = BIT(5),
    ENTRY_DIRTY = BIT(6),
    ENTRY_LARGE = BIT(7),
    ENTRY_NO_EXECUTE = BIT(63),
};

#define ENTRY_ADDRESS 0x000ffffffffff000ULL // 4.5.4: bits 51 to 12
#define PAE_RESERVED 0x7ff0000000000000ULL  // 4.4.2: bits 62 to 52, outside of IA-32e mode
// Table 4-8, with bits 63 to 52. Bit 5 is left out: QEMU sets it, as it does in other tables.
#define PDPTE_RESERVED 0xfff00000000001c6ULL
#define PAE_TABLE 0xffffffe0ULL // 4.4.1: CR3 with PAE
#define PAE_TOP_SHIFT 30        // bits 31 and 30 choose one of the PDPT's 4 entries
#define PSE_RESERVED BIT(21)    // 4.3: of a 4 MiB page
#define PSE_HIGH_SHIFT 13       // its bits 20 to 13 are address bits 39 to 32
#define PSE_HIGH_MASK 0xffULL

// The shape of the tables. Both calls of walk_tables give it as a constant.
struct walk_shape {
    unsigned index_bits;  // address bits that a level takes
    unsigned entry_bytes; // 4 or 8
};

static const struct walk_shape narrow = {.index_bits = 10, .entry_bytes = 4};
static const struct walk_shape wide = {.index_bits = 9, .entry_bytes = 8};

// The state of one walk.
struct walk {
    const struct guest_memory *memory;
    const struct paging_state *state;
    unsigned access;
    unsigned large_shift; // the highest level that can map large pages, by its `shift`; 0: none can
    uint64_t reserved;    // bits that must be 0 in every entry
    uint64_t table;       // address of the current level's table
    unsigned shift;       // the lowest address bit that the current level uses
    uint64_t every;       // bits that all entries have
    uint64_t some;        // bits that at least one entry has
    bool changed;         // another CPU changed an entry during the walk
};

static enum walk_outcome page_fault(const struct walk *walk, uint32_t cause,
                                    struct walk_result *result)
{
    const struct paging_state *state = walk->state;
    bool execute_checked = (state->cr4 & CR4_SMEP) != 0 ||
                           ((state->efer & EFER_NXE) != 0 && (state->cr4 & CR4_PAE) != 0);
    result->error_code = cause;
    if ((walk->access & ACCESS_WRITE) != 0) {
        result->error_code |= PAGE_FAULT_WRITE;
    }
    if (state->cpl == 3) {
        result->error_code |= PAGE_FAULT_USER;
    }
    if ((walk->access & ACCESS_EXECUTE) != 0 && execute_checked) {
        result->error_code |= PAGE_FAULT_FETCH;
    }
    return WALK_PAGE_FAULT;
}

// Memory outside RAM reads as all ones, so the entry is present with reserved bits set.
static enum walk_outcome outside_ram(const struct walk *walk, struct walk_result *result)
{
    return page_fault(walk, PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED, result);
}

static inline __attribute__((always_inline)) bool
rights_allow(const struct paging_state *state, uint64_t every, uint64_t some, unsigned access)
{
    bool user_page = (every & ENTRY_USER) != 0;
    if (state->cpl == 3) {
        if (!user_page) {
            return false;
        }
    } else if (user_page) {
        if ((access & ACCESS_EXECUTE) != 0) {
            if ((state->cr4 & CR4_SMEP) != 0) {
                return false;
            }
        } else if ((state->cr4 & CR4_SMAP) != 0 && (state->rflags & RFLAGS_AC) == 0) {
            return false;
        }
    }
    if ((access & ACCESS_WRITE) != 0 && (every & ENTRY_WRITABLE) == 0) {
        return state->cpl != 3 && (state->cr0 & CR0_WP) == 0;
    }
    return (access & ACCESS_EXECUTE) == 0 || (some & ENTRY_NO_EXECUTE) == 0;
}

bool guest_walk_allows(const struct paging_state *state, uint64_t every, uint64_t some,
                       unsigned access)
{
    return rights_allow(state, every, some, access);
}

// The bits that must be 0 in an entry of the current level. `large`: the entry maps a page.
static inline uint64_t reserved_bits(const struct walk *walk, struct walk_shape shape, bool large)
{
    if (large) {
        return shape.entry_bytes == 4
                   ? PSE_RESERVED
                   : walk->reserved | ((BIT(walk->shift) - 1) & ~(2 * PAGE_SIZE - 1));
    }
    // 4.5.4: bit 7 is reserved in the levels that cannot map pages.
    return walk->reserved | (walk->shift > PAE_TOP_SHIFT ? (uint64_t)ENTRY_LARGE : 0);
}

static inline uint64_t page_address(struct walk_shape shape, uint64_t entry, unsigned shift)
{
    uint64_t address = entry & ENTRY_ADDRESS & ~(BIT(shift) - 1);
    if (shape.entry_bytes == 4 && shift > 12) {
        address |= (entry >> PSE_HIGH_SHIFT & PSE_HIGH_MASK) << 32;
    }
    return address;
}

static inline uint64_t read_entry(const void *at, struct walk_shape shape)
{
    return shape.entry_bytes == 8 ? __atomic_load_n((const uint64_t *)at, __ATOMIC_RELAXED)
                                  : __atomic_load_n((const uint32_t *)at, __ATOMIC_RELAXED);
}

// Sets accessed and dirty bits in an entry. False: the entry is no longer what was read.
static inline bool mark_entry(void *at, struct walk_shape shape, uint64_t entry, uint64_t bits)
{
    uint32_t half = (uint32_t)entry;
    if ((entry & bits) == bits) {
        return true;
    }
    return shape.entry_bytes == 8
               ? __atomic_compare_exchange_n((uint64_t *)at, &entry, entry | bits, false,
                                             __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
               : __atomic_compare_exchange_n((uint32_t *)at, &half, half | (uint32_t)bits, false,
                                             __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

// Handles the last entry: checks the rights, sets accessed and dirty bits, computes the address.
static inline enum walk_outcome finish(struct walk *walk, struct walk_shape shape, void *at,
                                       uint64_t entry, gva_t address, struct walk_result *result)
{
    uint64_t marks =
        (walk->access & ACCESS_WRITE) != 0 ? ENTRY_ACCESSED | ENTRY_DIRTY : ENTRY_ACCESSED;
    if (!rights_allow(walk->state, walk->every, walk->some, walk->access)) {
        return page_fault(walk, PAGE_FAULT_PRESENT, result);
    }
    walk->changed |= !mark_entry(at, shape, entry, marks);
    result->steps[result->step_count++].entry |= marks;
    result->gpa =
        gpa(page_address(shape, entry, walk->shift) | (address.value & (BIT(walk->shift) - 1)));
    return WALK_MAPPED;
}

// Handles an entry that is not the usual one. The usual entry names a table, is present and
// accessed, and has no reserved bit set. WALK_MAPPED: go on with the walk, or finish it if
// `*large`.
static enum walk_outcome examine(struct walk *walk, struct walk_shape shape, void *at,
                                 uint64_t entry, bool *large, struct walk_result *result)
{
    if ((entry & ENTRY_PRESENT) == 0) {
        return page_fault(walk, 0, result);
    }
    *large = (entry & ENTRY_LARGE) != 0 && walk->shift <= walk->large_shift && walk->shift > 12;
    if ((entry & reserved_bits(walk, shape, *large)) != 0) {
        return page_fault(walk, PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED, result);
    }
    if (!*large && walk->shift > 12) {
        walk->changed |= !mark_entry(at, shape, entry, ENTRY_ACCESSED);
        result->steps[result->step_count].entry |= ENTRY_ACCESSED;
    }
    return WALK_MAPPED;
}

// Walks from `walk->table` down. It is inline and keeps most state in registers, because an exit to
// device memory walks twice, and the walks are most of the cost of that exit.
static inline __attribute__((always_inline)) enum walk_outcome
walk_tables(struct walk *walk, struct walk_shape shape, gva_t address, struct walk_result *result)
{
    uint64_t usual = ENTRY_PRESENT | ENTRY_ACCESSED;
    uint64_t looked_at = usual | ENTRY_LARGE | walk->reserved;
    uint64_t table = walk->table;
    uint64_t every = UINT64_MAX;
    uint64_t some = 0;
    bool large = false;
    for (unsigned shift = walk->shift;; shift -= shape.index_bits) {
        uint64_t index = address.value >> shift & (BIT(shape.index_bits) - 1);
        void *at;
        uint64_t entry;
        result->gpa = gpa(table + index * shape.entry_bytes);
        at = guest_memory_at(walk->memory, result->gpa, shape.entry_bytes);
        if (!at) {
            return outside_ram(walk, result);
        }
        entry = read_entry(at, shape);
        walk->shift = shift;
        result->steps[result->step_count] = (struct walk_step){result->gpa, entry};
        if ((entry & looked_at) != usual) {
            enum walk_outcome outcome = examine(walk, shape, at, entry, &large, result);
            if (outcome != WALK_MAPPED) {
                return outcome;
            }
        }
        every &= entry;
        some |= entry;
        if (large || shift == 12) {
            walk->every = every;
            walk->some = some;
            return finish(walk, shape, at, entry, address, result);
        }
        table = entry & ENTRY_ADDRESS;
        result->step_count++;
    }
}

// Reads an entry of PAE's highest level. Where MOV to CR3 loads them, it has checked the reserved
// bits too. Otherwise the walk does it (APM Vol. 2 15.25.10).
static enum walk_outcome read_pdpte(struct walk *walk, uint64_t index, uint64_t *entry,
                                    struct walk_result *result)
{
    const void *at;
    if (walk->state->has_pdptes) {
        *entry = walk->state->pdptes[index];
        return WALK_MAPPED;
    }
    result->gpa = gpa((walk->state->cr3 & PAE_TABLE) + index * wide.entry_bytes);
    at = guest_memory_at(walk->memory, result->gpa, wide.entry_bytes);
    if (!at) {
        return outside_ram(walk, result);
    }
    *entry = read_entry(at, wide);
    return (*entry & ENTRY_PRESENT) != 0 && (*entry & PDPTE_RESERVED) != 0
               ? page_fault(walk, PAGE_FAULT_PRESENT | PAGE_FAULT_RESERVED, result)
               : WALK_MAPPED;
}

// Handles the highest level of PAE. Its entries have no rights and no accessed bits.
static enum walk_outcome walk_pae_top(struct walk *walk, gva_t address, struct walk_result *result)
{
    uint64_t entry = 0;
    enum walk_outcome outcome =
        read_pdpte(walk, address.value >> PAE_TOP_SHIFT & 3, &entry, result);
    if (outcome != WALK_MAPPED) {
        return outcome;
    }
    walk->table = entry & ENTRY_ADDRESS;
    walk->shift = PAE_TOP_SHIFT - wide.index_bits;
    return (entry & ENTRY_PRESENT) != 0 ? WALK_MAPPED : page_fault(walk, 0, result);
}

static enum walk_outcome walk_once(struct walk *walk, gva_t address, struct walk_result *result)
{
    const struct paging_state *state = walk->state;
    uint64_t no_execute = (state->efer & EFER_NXE) != 0 ? 0 : ENTRY_NO_EXECUTE;
    walk->changed = false;
    result->step_count = 0;
    if ((state->efer & EFER_LMA) != 0) {
        walk->table = state->cr3 & ENTRY_ADDRESS;
        walk->shift = (state->cr4 & CR4_LA57) != 0 ? 48 : 39;
        walk->large_shift = 30;
        walk->reserved = no_execute;
        return walk_tables(walk, wide, address, result);
    }
    if ((state->cr4 & CR4_PAE) != 0) {
        enum walk_outcome outcome = walk_pae_top(walk, address, result);
        walk->large_shift = 21;
        walk->reserved = PAE_RESERVED | no_execute;
        return outcome != WALK_MAPPED ? outcome : walk_tables(walk, wide, address, result);
    }
    walk->table = state->cr3 & ENTRY_ADDRESS & UINT32_MAX;
    walk->shift = 22;
    walk->large_shift = (state->cr4 & CR4_PSE) != 0 ? 22 : 0;
    walk->reserved = 0;
    return walk_tables(walk, narrow, address, result);
}

void guest_walk_take_pdptes(struct paging_state *state, const struct vcpu_core *vcpu,
                            const struct vcpu_ops *ops)
{
    state->has_pdptes = ops->loads_pdptes && (state->cr0 & CR0_PG) != 0 &&
                        (state->cr4 & CR4_PAE) != 0 && (state->efer & EFER_LMA) == 0;
    for (unsigned i = 0; state->has_pdptes && i < ARRAY_SIZE(state->pdptes); i++) {
        state->pdptes[i] = ops->get_register(vcpu, REG_PDPTE0 + i);
    }
}

enum walk_outcome guest_walk(const struct guest_memory *memory, const struct paging_state *state,
                             gva_t address, unsigned access, struct walk_result *result)
{
    struct walk walk = {.memory = memory, .state = state, .access = access, .changed = true};
    enum walk_outcome outcome = WALK_MAPPED;
    if ((state->cr0 & CR0_PG) == 0) {
        result->gpa = gpa(address.value & UINT32_MAX);
        result->step_count = 0;
        return WALK_MAPPED;
    }
    for (unsigned i = 0; walk.changed && i < CHANGES_MAX; i++) {
        outcome = walk_once(&walk, address, result);
    }
    return outcome;
}
