// SPDX-License-Identifier: MIT
// Reads the symbol table that the boot loader has put into memory.
#pragma once

struct memory_span;

// Copies what is needed of an ELF symbol table (`table`) and its names (`texts`) into frames, for
// symbols_find. Where either is empty, or frames are missing, nothing changes.
void symbols_load(const struct memory_span *table, const struct memory_span *texts);
