// SPDX-License-Identifier: MIT
// Reads the symbol table that the boot loader has put into memory.
#pragma once

struct memory_span;

// Copies an ELF symbol table (`table`) and its names (`texts`) into frames, for symbols_find, as
// far as they are needed. Without a table, names or frames nothing changes.
void symbols_load(const struct memory_span *table, const struct memory_span *texts);
