// SPDX-License-Identifier: MIT
// Page tables in a small RAM, for the tests of both walks.
#pragma once

#include "vmm/util/types.h"

#define RAM_BYTES 0x10000

// Bits of entries (SDM Vol. 3A 4.5).
#define P 1ULL
#define W 2ULL
#define U 4ULL
#define PWT 8ULL
#define PCD 0x10ULL
#define A 0x20ULL
#define D 0x40ULL
#define PS 0x80ULL
#define NX BIT(63)

// 0xffff800040203000 by 4 levels: indexes 256, 1, 1, 3.
#define ADDRESS 0xffff800040203123ULL
#define PML4E (0x1000 + 256 * 8)
#define PDPTE (0x2000 + 1 * 8)
#define PDE (0x3000 + 1 * 8)
#define PTE (0x4000 + 3 * 8)

extern uint8_t tables_ram[RAM_BYTES];

void set64(uint64_t at, uint64_t value);
uint64_t get64(uint64_t at);
void set32(uint64_t at, uint32_t value);
uint32_t get32(uint64_t at);

// Maps the page of ADDRESS to 0xabcd000.
void map_4_levels(uint64_t rights);
