// SPDX-License-Identifier: MIT
// The identity map for a payload that starts in long mode.
#pragma once

#include "vmm/util/types.h"

// The size in bytes of the tables that map 0 to `map_end`.
uint64_t page_tables_bytes(uint64_t map_end);

// Writes to `to` some of the tables' entries: `count`, from number `first` on. The tables are at
// guest address `address`. The PML4 comes first, then all PDPTs, then all PDs. They map 2 MiB
// pages, writable.
void page_tables_write(uint64_t *to, uint64_t address, uint64_t map_end, uint64_t first,
                       uint64_t count);
