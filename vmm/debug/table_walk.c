// SPDX-License-Identifier: MIT
// A walk through a guest's page tables, entry by entry (SDM Vol. 3A chapter 4).
#include "vmm/debug/table_walk.h"

#include "arch/x86/registers.h"
#include "vmm/address.h"
#include "vmm/memory/guest_walk.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define ENTRY_PRESENT BIT(0)
#define ENTRY_PWT BIT(3)
#define ENTRY_PCD BIT(4)
#define ENTRY_LARGE BIT(7)
#define ENTRY_PAT_4K BIT(7)
#define ENTRY_PAT_LARGE BIT(12)
#define ENTRY_NO_EXECUTE BIT(63)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define ADDRESS_END 52 // one past the highest address bit of an entry
#define PSE_HIGH_SHIFT 13
#define PSE_BITS_MAX 40 // of a physical address in a page of 4 MiB
// 4.4.1, table 4-8. Bit 5 is left out: QEMU sets it, as it does in other tables.
#define PDPTE_RESERVED 0x1c6ULL
#define PAE_TABLE 0xffffffe0ULL
#define PAE_HIGH 0x7ff0000000000000ULL // bits 62 to 52
#define PDPT_SHIFT 30

// One walk that goes on.
struct progress {
    struct table_reader *reader;
    const struct paging_state *state;
    const struct table_cpu *cpu;
    struct table_walk *walk;
    uint64_t address;
    uint64_t table; // address of the current level's table
    unsigned shift; // the lowest address bit that the current level uses
};

static const char *const names[TABLE_STEPS_MAX + 1] = {
    [1] = "PTE", [2] = "PDE", [3] = "PDPTE", [4] = "PML4E", [5] = "PML5E",
};

static enum table_mode mode_of(const struct paging_state *state)
{
    if (!(state->cr0 & CR0_PG)) {
        return TABLE_NONE;
    }
    if (state->efer & EFER_LMA) {
        return state->cr4 & CR4_LA57 ? TABLE_5_LEVELS : TABLE_4_LEVELS;
    }
    return state->cr4 & CR4_PAE ? TABLE_PAE : TABLE_32_BIT;
}

// Address bits from `from` up to, not including, `to`.
static uint64_t bits(unsigned from, unsigned to)
{
    uint64_t below = to < 64 ? BIT(to) - 1 : UINT64_MAX;
    return from < to ? below & ~(BIT(from) - 1) : 0;
}

// Whether the mode has that linear address (SDM Vol. 1 3.3.7.1).
static bool has_address(enum table_mode mode, uint64_t address)
{
    if (mode != TABLE_4_LEVELS && mode != TABLE_5_LEVELS) {
        return address <= UINT32_MAX;
    }
    return address_is_canonical(address, mode == TABLE_5_LEVELS ? LINEAR_BITS_LA57 : LINEAR_BITS);
}

// ---- Reserved bits ----

static uint64_t reserved_32_bit(const struct progress *at, bool large)
{
    unsigned high = MIN(MAX(at->cpu->physical_bits, 32), PSE_BITS_MAX) - 32;
    return large ? bits(PSE_HIGH_SHIFT + high, at->shift) : 0;
}

static uint64_t reserved_wide(const struct progress *at, bool large)
{
    uint64_t reserved = bits(at->cpu->physical_bits, ADDRESS_END);
    if (!(at->state->efer & EFER_NXE)) {
        reserved |= ENTRY_NO_EXECUTE;
    }
    if (at->walk->mode == TABLE_PAE) {
        reserved |= PAE_HIGH;
    }
    if (large) {
        return reserved | bits(13, at->shift);
    }
    return reserved | (at->shift >= PDPT_SHIFT ? ENTRY_LARGE : 0);
}

static bool maps_page(const struct progress *at, uint64_t entry)
{
    if (at->shift == 12) {
        return true;
    }
    if (!(entry & ENTRY_LARGE)) {
        return false;
    }
    switch (at->walk->mode) {
    case TABLE_32_BIT:
        return at->state->cr4 & CR4_PSE;
    case TABLE_PAE:
        return at->shift == 21;
    default:
        return at->shift == 21 || (at->shift == PDPT_SHIFT && at->cpu->pages_1g);
    }
}

// ---- The way ----

static void finish(const struct progress *at, uint64_t entry)
{
    struct table_walk *walk = at->walk;
    uint64_t page = entry & ENTRY_ADDRESS & ~(BIT(at->shift) - 1);
    uint64_t pat = at->shift == 12 ? ENTRY_PAT_4K : ENTRY_PAT_LARGE;
    if (walk->mode == TABLE_32_BIT && at->shift > 12) {
        page |= (entry & bits(PSE_HIGH_SHIFT, PSE_HIGH_SHIFT + 8)) << (32 - PSE_HIGH_SHIFT);
    }
    walk->gpa = gpa(page | (at->address & (BIT(at->shift) - 1)));
    walk->page_bytes = BIT(at->shift);
    walk->pat_index =
        (entry & ENTRY_PWT ? 1 : 0) + (entry & ENTRY_PCD ? 2 : 0) + (entry & pat ? 4 : 0);
}

// Looks at the entry of the current level. True: it leads to a table, and `at` is there now.
static bool take_step(struct progress *at, unsigned level, unsigned index_bits)
{
    struct table_walk *walk = at->walk;
    struct table_step *step = &walk->steps[walk->step_count++];
    unsigned width = index_bits == 10 ? 4 : 8;
    step->name = names[level];
    step->index = (unsigned)(at->address >> at->shift & (BIT(index_bits) - 1));
    step->at = gpa(at->table + (uint64_t)step->index * width);
    if (!at->reader->read(at->reader, step->at, width, &step->entry)) {
        step->entry = 0;
        walk->end = TABLE_OUTSIDE;
        return false;
    }
    bool page = maps_page(at, step->entry);
    bool large = page && at->shift > 12;
    step->reserved = width == 4 ? reserved_32_bit(at, large) : reserved_wide(at, large);
    step->reserved &= step->entry;
    if (!(step->entry & ENTRY_PRESENT) || step->reserved) {
        walk->end = step->entry & ENTRY_PRESENT ? TABLE_RESERVED : TABLE_ABSENT;
        return false;
    }
    walk->every &= step->entry;
    walk->some |= step->entry;
    if (page) {
        finish(at, step->entry);
        return false;
    }
    at->table = step->entry & ENTRY_ADDRESS;
    at->shift -= index_bits;
    return true;
}

static void descend(struct progress *at, unsigned level, unsigned index_bits)
{
    at->shift = 12 + (level - 1) * index_bits;
    while (take_step(at, level, index_bits)) {
        level--;
    }
}

// PAE's highest level. Its entries have no rights. False: the way ends there.
static bool take_pdpte(struct progress *at)
{
    struct table_walk *walk = at->walk;
    struct table_step *step = &walk->steps[walk->step_count++];
    step->name = names[3];
    step->index = (unsigned)(at->address >> PDPT_SHIFT & 3);
    step->in_register = at->state->has_pdptes;
    step->at = gpa((at->state->cr3 & PAE_TABLE) + step->index * sizeof(uint64_t));
    if (step->in_register) {
        step->entry = at->state->pdptes[step->index];
    } else if (!at->reader->read(at->reader, step->at, sizeof(uint64_t), &step->entry)) {
        step->entry = 0;
        walk->end = TABLE_OUTSIDE;
        return false;
    }
    step->reserved = (PDPTE_RESERVED | bits(at->cpu->physical_bits, 64)) & step->entry;
    if (!(step->entry & ENTRY_PRESENT) || step->reserved) {
        walk->end = step->entry & ENTRY_PRESENT ? TABLE_RESERVED : TABLE_ABSENT;
        return false;
    }
    at->table = step->entry & ENTRY_ADDRESS;
    return true;
}

void table_walk(struct table_reader *reader, const struct paging_state *state,
                const struct table_cpu *cpu, gva_t address, struct table_walk *walk)
{
    struct progress at = {
        .reader = reader, .state = state, .cpu = cpu, .walk = walk, .address = address.value};
    memset(walk, 0, sizeof(*walk));
    walk->mode = mode_of(state);
    walk->every = UINT64_MAX;
    if (!has_address(walk->mode, address.value)) {
        walk->end = TABLE_NO_ADDRESS;
        return;
    }
    at.table = state->cr3 & ENTRY_ADDRESS;
    switch (walk->mode) {
    case TABLE_NONE:
        walk->gpa = gpa(address.value);
        break;
    case TABLE_32_BIT:
        at.table &= UINT32_MAX;
        descend(&at, 2, 10);
        break;
    case TABLE_PAE:
        if (take_pdpte(&at)) {
            descend(&at, 2, 9);
        }
        break;
    case TABLE_4_LEVELS:
        descend(&at, 4, 9);
        break;
    case TABLE_5_LEVELS:
        descend(&at, 5, 9);
        break;
    }
}
