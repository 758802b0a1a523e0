// SPDX-License-Identifier: MIT
// Walks a guest's page tables for a person: keeps every entry on the way, and says where and why
// the way ends. It changes nothing.
#pragma once

#include "vmm/address.h"
#include "vmm/util/types.h"

struct paging_state;

// Reads the guest's memory. The owner embeds it and finds itself with container_of. False: the
// `width` bytes (4 or 8) at the address are not RAM.
struct table_reader {
    bool (*read)(struct table_reader *reader, gpa_t address, unsigned width, uint64_t *value);
};

// What the walk depends on, besides the registers.
struct table_cpu {
    unsigned physical_bits; // MAXPHYADDR
    bool pages_1g;
};

// SDM Vol. 3A 4.1.1.
enum table_mode { TABLE_NONE, TABLE_32_BIT, TABLE_PAE, TABLE_4_LEVELS, TABLE_5_LEVELS };

enum table_end {
    TABLE_MAPPED,
    TABLE_NO_ADDRESS, // the mode has no such linear address
    TABLE_ABSENT,     // the last entry is not present
    TABLE_RESERVED,   // the last entry has reserved bits set
    TABLE_OUTSIDE,    // the last entry is not in RAM
};

#define TABLE_STEPS_MAX 5

struct table_step {
    const char *name;  // of the entry, as the manual calls it
    unsigned index;    // in its table
    bool in_register;  // a PDPTE that the CPU has loaded; it has no address
    gpa_t at;          // of the entry
    uint64_t entry;    // 0 with TABLE_OUTSIDE
    uint64_t reserved; // the bits of it that must not be set
};

struct table_walk {
    enum table_mode mode;
    enum table_end end;
    unsigned step_count;
    struct table_step steps[TABLE_STEPS_MAX]; // the highest level first
    // With TABLE_MAPPED:
    gpa_t gpa;           // of the address itself
    uint64_t page_bytes; // 0 without paging
    uint64_t every;      // bits that all entries with rights have
    uint64_t some;       // bits that at least one of them has
    unsigned pat_index;  // the entry of the PAT for the page (4.9.2)
};

// The walk ends after at most TABLE_STEPS_MAX entries, whatever is in them.
void table_walk(struct table_reader *reader, const struct paging_state *state,
                const struct table_cpu *cpu, gva_t address, struct table_walk *walk);
