// SPDX-License-Identifier: MIT
// Makes the identity map for payloads that start in long mode (SDM Vol. 3A 4.5).
#include "vmm/load/load_page_tables.h"

#include "vmm/util/types.h"

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

// The entry of that index, counted through all tables.
static uint64_t entry_at(uint64_t address, uint64_t map_end, uint64_t index)
{
    uint64_t pdpts = count_pdpts(map_end);
    uint64_t first_pd = 1 + pdpts; // the tables before it
    uint64_t table = 1 + index;    // what the PML4's entry leads to
    bool used = index < pdpts;
    if (index >= first_pd * ENTRIES_PER_TABLE) {
        uint64_t page = (index - first_pd * ENTRIES_PER_TABLE) * PAGE_SIZE_2M;
        return page < map_end ? page | PAGE_PRESENT | PAGE_WRITABLE | PAGE_LARGE : 0;
    }
    if (index >= ENTRIES_PER_TABLE) {
        table = first_pd + index - ENTRIES_PER_TABLE;
        used = index - ENTRIES_PER_TABLE < count_pds(map_end);
    }
    return used ? (address + table * PAGE_SIZE) | PAGE_PRESENT | PAGE_WRITABLE : 0;
}

void page_tables_write(uint64_t *to, uint64_t address, uint64_t map_end, uint64_t first,
                       uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        to[i] = entry_at(address, map_end, first + i);
    }
}
