// SPDX-License-Identifier: MIT
// The identity map that a payload finds when it is started in long mode.
#pragma once

#include "vmm/util/types.h"

// How much room the tables take that map from 0 to `map_end`.
uint64_t page_tables_bytes(uint64_t map_end);

// Writes them to `table`, which has page_tables_bytes() and lies at guest address `address`: the
// PML4 first, then all PDPTs, then all PDs; present, writable, in 2 MiB pages.
void page_tables_write(uint64_t *table, uint64_t address, uint64_t map_end);
