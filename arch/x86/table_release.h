// SPDX-License-Identifier: MIT
// Releases trees of page tables in pieces: those of Husk and those of nested paging.
#pragma once

#include "vmm/util/types.h"

// How many tables one piece releases. Each may have 512 entries to look at.
#define TABLES_A_PIECE 16

// Releases `table` of `level` (1: its entries are pages of 4 KiB) and all tables below it, at most
// `*budget` of them (not 0), and takes their number off. An entry leads to a table if it has a bit
// of `present`, and is no large page. True: all are released. False: call it again, with a new
// budget. Nobody may use the tables any more.
MUST_CHECK bool table_release(uint64_t *table, unsigned level, uint64_t present, unsigned *budget);
