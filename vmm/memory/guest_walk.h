// SPDX-License-Identifier: MIT
// Walks a guest's own page tables: translates its linear addresses into guest-physical ones.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct guest_memory;
struct vcpu_core;
struct vcpu_ops;

// The state that decides how a guest's linear addresses are translated.
struct paging_state {
    uint64_t cr0;
    uint64_t cr3;
    uint64_t cr4;
    uint64_t efer;
    uint64_t rflags; // AC, for SMAP
    uint8_t cpl;
    bool has_pdptes; // PAE: `pdptes` are in force, not the entries in memory
    uint64_t pdptes[4];
};

// The error code of a page fault (SDM Vol. 3A 4.7).
enum page_fault_bits {
    PAGE_FAULT_PRESENT = BIT(0), // the page is there, but the access is not allowed
    PAGE_FAULT_WRITE = BIT(1),
    PAGE_FAULT_USER = BIT(2),
    PAGE_FAULT_RESERVED = BIT(3),
    PAGE_FAULT_FETCH = BIT(4),
};

enum walk_outcome {
    WALK_MAPPED,     // `gpa` is the address
    WALK_PAGE_FAULT, // `error_code` is the fault's
};

#define WALK_STEPS_MAX 5

// An entry on the way of the walk, with its value after the walk.
struct walk_step {
    gpa_t at;
    uint64_t entry;
};

struct walk_result {
    gpa_t gpa;
    uint32_t error_code;
    unsigned step_count;                    // valid after WALK_MAPPED; 0 with paging off
    struct walk_step steps[WALK_STEPS_MAX]; // the highest level first; PAE's PDPT is left out
};

// Sets has_pdptes and pdptes from the vCPU's registers. The other members are set already.
void guest_walk_take_pdptes(struct paging_state *state, const struct vcpu_core *vcpu,
                            const struct vcpu_ops *ops);

// Whether the access rights of a page allow the access (SDM Vol. 3A 4.6.1), without protection
// keys. `every` has the bits that all entries on the way have, `some` those that at least one has.
bool guest_walk_allows(const struct paging_state *state, uint64_t every, uint64_t some,
                       unsigned access);

// Translates an address for one access in every paging mode: none, 32-bit, PAE, 4 and 5 levels (SDM
// Vol. 3A chapter 4). `access` is one of ACCESS_*; ACCESS_READ | ACCESS_WRITE counts as a write.
// The walk checks write, user, execute-disable, SMEP, SMAP and reserved bits. It does not check
// address bits above MAXPHYADDR and protection keys. An entry outside the VM's RAM counts as one
// with reserved bits set. The walk sets accessed and dirty bits like the processor. It does not
// check `address`: the caller gives a canonical address in 64-bit mode, and one of 32 bits
// otherwise.
enum walk_outcome guest_walk(const struct guest_memory *memory, const struct paging_state *state,
                             gva_t address, unsigned access, struct walk_result *result);
