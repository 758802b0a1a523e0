// SPDX-License-Identifier: MIT
// Writes entries of page tables.
#include "tests/host/memory/tables_fixture.h"

#include <string.h>

_Alignas(4096) uint8_t tables_ram[RAM_BYTES];

void set64(uint64_t at, uint64_t value)
{
    memcpy(tables_ram + at, &value, sizeof(value));
}

uint64_t get64(uint64_t at)
{
    uint64_t value;
    memcpy(&value, tables_ram + at, sizeof(value));
    return value;
}

void set32(uint64_t at, uint32_t value)
{
    memcpy(tables_ram + at, &value, sizeof(value));
}

uint32_t get32(uint64_t at)
{
    uint32_t value;
    memcpy(&value, tables_ram + at, sizeof(value));
    return value;
}

void map_4_levels(uint64_t rights)
{
    set64(PML4E, 0x2000 | rights);
    set64(PDPTE, 0x3000 | rights);
    set64(PDE, 0x4000 | rights);
    set64(PTE, 0xabcd000 | rights);
}
