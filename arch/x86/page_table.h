// SPDX-License-Identifier: MIT
// Four-level page tables as data: map, unmap, look up (SDM Vol. 3A 4.5). `root` is the physical
// address of a PML4 from frames_allocate.
#pragma once

#include "vmm/util/types.h"

#define PAGE_PRESENT BIT(0)
#define PAGE_WRITABLE BIT(1)
#define PAGE_WRITE_COMBINING BIT(3) // PWT: entry 1 of HOST_PAT
#define PAGE_UNCACHED (BIT(3) | BIT(4))
#define PAGE_LARGE BIT(7)
#define PAGE_GLOBAL BIT(8)
#define PAGE_NO_EXECUTE BIT(63)
#define PAGE_ADDRESS 0x000ffffffffff000ULL

#define PAGE_TABLE_ENTRIES 512

// Finds out whether this CPU has NX and 1 GiB pages. Call it before the other functions here.
void page_table_init(void);

// Maps with the largest pages that fit. All addresses are multiples of 4 KiB. Nothing may be mapped
// there yet. False: there are no frames, and a part may be mapped.
bool page_table_map(uint64_t root, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t flags) MUST_CHECK;

// Unmaps whole pages, also in this CPU's TLB. Pages that are not mapped are skipped.
void page_table_unmap(uint64_t root, uint64_t address, uint64_t bytes);

// The entry that maps `address` (0: none), and the size of its page.
uint64_t page_table_look_up(uint64_t root, uint64_t address, uint64_t *page_bytes);

// Ensures that a PML4 entry has a table. Copies of the PML4 then share everything below that entry.
bool page_table_reserve(uint64_t root, uint64_t address) MUST_CHECK;

// Releases the tables (not the pages) below the PML4 entry of `address`, and clears it. At most
// `*budget` tables are released, and taken off. False: some are left, call it again.
MUST_CHECK bool page_table_drop(uint64_t root, uint64_t address, unsigned *budget);
