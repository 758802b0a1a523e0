// SPDX-License-Identifier: MIT
// Makes the identity map for payloads that start in long mode (SDM Vol. 3A 4.5).
#include "vmm/load/load_page_tables.h"

#include "vmm/util/string.h"

#define ENTRIES_PER_TABLE 512ULL
#define BYTES_PER_PD (ENTRIES_PER_TABLE * PAGE_SIZE_2M)
#define BYTES_PER_PDPT (ENTRIES_PER_TABLE * BYTES_PER_PD)

// SDM Vol. 3A 4.5.4, tables 4-15 to 4-18
enum page_entry_bits {
    PAGE_PRESENT = BIT(0),
    PAGE_WRITABLE = BIT(1),
    PAGE_LARGE = BIT(7),
};

static uint64_t count_pds(uint64_t map_end)
{
    return ALIGN_UP(map_end, BYTES_PER_PD) / BYTES_PER_PD;
}

static uint64_t count_pdpts(uint64_t map_end)
{
    return ALIGN_UP(map_end, BYTES_PER_PDPT) / BYTES_PER_PDPT;
}

uint64_t page_tables_bytes(uint64_t map_end)
{
    return (1 + count_pdpts(map_end) + count_pds(map_end)) * PAGE_SIZE;
}

void page_tables_write(uint64_t *table, uint64_t address, uint64_t map_end)
{
    uint64_t pdpts = count_pdpts(map_end);
    uint64_t pds = count_pds(map_end);
    uint64_t *pdpt = table + ENTRIES_PER_TABLE;
    uint64_t *pd = pdpt + pdpts * ENTRIES_PER_TABLE;
    uint64_t first_pdpt = address + PAGE_SIZE;
    uint64_t first_pd = first_pdpt + pdpts * PAGE_SIZE;
    memset(table, 0, page_tables_bytes(map_end));
    for (uint64_t i = 0; i < pdpts; i++) {
        table[i] = (first_pdpt + i * PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITABLE;
    }
    for (uint64_t i = 0; i < pds; i++) {
        pdpt[i] = (first_pd + i * PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITABLE;
    }
    for (uint64_t i = 0; i * PAGE_SIZE_2M < map_end; i++) {
        pd[i] = (i * PAGE_SIZE_2M) | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE;
    }
}
