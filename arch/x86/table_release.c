// SPDX-License-Identifier: MIT
// Releases a tree of page tables from its leaves on, and clears the entries that led to them.
#include "arch/x86/table_release.h"

#include "arch/x86/frames.h"
#include "arch/x86/page_table.h"
#include "vmm/util/types.h"

bool table_release(uint64_t *table, unsigned level, uint64_t present, unsigned *budget)
{
    for (unsigned i = 0; level > 1 && i < PAGE_TABLE_ENTRIES; i++) {
        if (!(table[i] & present) || (table[i] & PAGE_LARGE)) {
            continue;
        }
        if (*budget == 0 ||
            !table_release(frames_virtual(table[i] & PAGE_ADDRESS), level - 1, present, budget)) {
            return false;
        }
        table[i] = 0;
    }
    if (*budget == 0) {
        return false;
    }
    (*budget)--;
    frames_release(table, 1);
    return true;
}
