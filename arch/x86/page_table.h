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

// Asks this CPU for NX and 1 GiB pages; before anything else here.
void page_table_init(void);

// Maps with the largest pages that fit. All of the addresses are multiples of 4 KiB; nothing may be
// mapped there yet. False: no frames, and part of it may be mapped.
bool page_table_map(uint64_t root, uint64_t address, uint64_t physical, uint64_t bytes,
                    uint64_t flags) MUST_CHECK;

// Removes whole pages, also from this CPU's TLB. What is not mapped is passed over.
void page_table_unmap(uint64_t root, uint64_t address, uint64_t bytes);

// The entry that maps `address` (0: none) and how much that page covers.
uint64_t page_table_look_up(uint64_t root, uint64_t address, uint64_t *page_bytes);

// Makes sure that a PML4 entry has a table, so that copies of the PML4 share what comes below it.
bool page_table_reserve(uint64_t root, uint64_t address) MUST_CHECK;

// Releases the tables (not the pages) below the PML4 entry of `address`, and clears it.
void page_table_drop(uint64_t root, uint64_t address);
