// SPDX-License-Identifier: MIT
// Tables that map guest-physical memory, as data: the common part of EPT and AMD's nested paging.
#pragma once

#include "vmm/address.h"
#include "vmm/util/status.h"
#include "vmm/util/types.h"

struct nested_way;

// There are four levels of tables. The bit of a large page is the same on both vendors (SDM Vol. 3C
// 29.3.2, APM Vol. 2 15.25). Callers ensure that nobody else changes the tables meanwhile.
#define NESTED_LEVELS 4
#define NESTED_ENTRIES 512
#define NESTED_LARGE BIT(7)

struct nested_format {
    uint64_t present; // an entry with none of these bits maps nothing
    uint64_t table;   // the flags of an entry that leads to a table
    // The flags of an entry that maps a page at `level` with `access` (enum memory_access).
    uint64_t (*page)(unsigned access, unsigned level);
    unsigned (*allowed)(uint64_t entry); // the access that an entry allows
    unsigned (*largest)(void);           // the highest level at which there are pages
};

// The entry for `gpa` in a table of `level`. Level 1 has pages of 4 KiB, 2 of 2 MiB, 3 of 1 GiB.
uint64_t *nested_entry(uint64_t *table, gpa_t gpa, unsigned level);
// The table that an entry leads to.
uint64_t *nested_table_of(uint64_t entry);

// Finds the entries on the way of `gpa`, and where it leads, for space_ops.find. Memory types are
// left to the caller.
void nested_find(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                 struct nested_way *way);
// Finds the entry for `gpa` at `level`. Missing tables on the way are made, large pages are split.
enum status nested_walk(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                        unsigned level, uint64_t **entry);
// gpa, hpa and bytes are multiples of 4 KiB. Maps a piece of the range, from its start on: the
// largest pages that fit there, and at most the entries of one table. Returns how many bytes are
// mapped. 0: there are no frames for tables.
uint64_t nested_map(const struct nested_format *format, uint64_t *root, gpa_t gpa, hpa_t hpa,
                    uint64_t bytes, unsigned access);
// There may be no frames for tables. Then a part of the range may be unmapped. Whole 2 MiB lose
// their table.
enum status nested_unmap(const struct nested_format *format, uint64_t *root, gpa_t gpa,
                         uint64_t bytes);
// Releases some of the tables. True: all are released, including the root. False: call it again.
MUST_CHECK bool nested_free(const struct nested_format *format, uint64_t *root);
