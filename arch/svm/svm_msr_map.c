// SPDX-License-Identifier: MIT
// The MSR permission map: which accesses exit (APM Vol. 2 15.11).
#include "arch/svm/svm_msr_map.h"

#include "arch/x86/msr_numbers.h"
#include "vmm/util/string.h"
#include "vmm/util/types.h"

// There are three maps of 2 KiB: for the MSRs from 0, from 0xc0000000 and from 0xc0010000. Accesses
// to any other MSR always exit.
#define MSRS_A_MAP 0x2000u
#define MSR_MAP_BYTES (2 * KIB)

// The guest must not see SVME in EFER. Emulators do not load G_PAT.
static bool always_exits(uint32_t msr)
{
    return msr == IA32_EFER || msr == IA32_PAT;
}

void svm_msr_map_begin(uint8_t *msr_map)
{
    memset(msr_map, 0xff, MSR_MAP_PAGES * PAGE_SIZE);
}

void svm_msr_map_set(uint8_t *msr_map, uint32_t msr, bool reads, bool writes)
{
    static const uint32_t firsts[] = {0, 0xc0000000u, 0xc0010000u};
    unsigned bit = msr % MSRS_A_MAP * 2;
    unsigned both = 3U << bit % 8;
    unsigned wanted = ((reads ? 1U : 0) | (writes ? 2U : 0)) << bit % 8;
    for (unsigned i = 0; i < ARRAY_SIZE(firsts) && !always_exits(msr); i++) {
        if (msr - firsts[i] < MSRS_A_MAP) {
            uint8_t *at = msr_map + i * MSR_MAP_BYTES + bit / 8;
            *at = (uint8_t)((*at & ~both) | wanted);
        }
    }
}
