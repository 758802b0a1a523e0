// SPDX-License-Identifier: MIT
// Memory types of a guest's addresses, by its PAT and its MTRRs.
#include "vmm/debug/memory_type.h"

#include "vmm/address.h"
#include "vmm/util/types.h"
#include "vmm/vcpu/msr.h"

enum memory_type {
    TYPE_UC = 0,
    TYPE_WC = 1,
    TYPE_WT = 4,
    TYPE_WP = 5,
    TYPE_WB = MEMORY_TYPE_WRITE_BACK,
    TYPE_UC_MINUS = 7, // in the PAT only
};

#define DEF_TYPE_MASK 0xffU
#define DEF_TYPE_FIXED_ENABLE BIT(10)
#define DEF_TYPE_ENABLE BIT(11)
#define MTRR_TYPE_MASK 0xffU
#define MTRR_MASK_VALID BIT(11)
#define MTRR_ADDRESS 0x000ffffffffff000ULL

const char *memory_type_name(unsigned type)
{
    static const char *const names[] = {
        [TYPE_UC] = "UC", [TYPE_WC] = "WC", [TYPE_WT] = "WT",
        [TYPE_WP] = "WP", [TYPE_WB] = "WB", [TYPE_UC_MINUS] = "UC-",
    };
    if (type == MEMORY_TYPE_MIXED) {
        return "undefined";
    }
    return type < ARRAY_SIZE(names) && names[type] ? names[type] : "reserved";
}

unsigned memory_type_of_pat(uint64_t pat, unsigned index)
{
    return pat >> (8 * index) & 7;
}

// The first MiB: 8 ranges of 64 KiB, 16 of 16 KiB, 64 of 4 KiB, a byte for each (12.11.2.2).
static unsigned fixed_type(const struct msr_state *msrs, uint64_t address)
{
    uint64_t byte = 8 + 16 + (address - 0xc0000) / (4 * KIB);
    if (address < 0x80000) {
        byte = address / (64 * KIB);
    } else if (address < 0xc0000) {
        byte = 8 + (address - 0x80000) / (16 * KIB);
    }
    return msrs->mtrr_fixed[byte / 8] >> (8 * (byte % 8)) & MTRR_TYPE_MASK;
}

// Of two ranges UC wins, and WT wins over WB. All else is undefined.
static unsigned combine(unsigned a, unsigned b)
{
    if (a == b || a == TYPE_UC || b == TYPE_UC) {
        return a == b ? a : TYPE_UC;
    }
    bool written = (a == TYPE_WT && b == TYPE_WB) || (a == TYPE_WB && b == TYPE_WT);
    return written ? TYPE_WT : MEMORY_TYPE_MIXED;
}

unsigned memory_type_of_mtrrs(const struct msr_state *msrs, gpa_t address)
{
    bool found = false;
    unsigned type = msrs->mtrr_def_type & DEF_TYPE_MASK;
    if (!(msrs->mtrr_def_type & DEF_TYPE_ENABLE)) {
        return TYPE_UC;
    }
    if ((msrs->mtrr_def_type & DEF_TYPE_FIXED_ENABLE) && address.value < MIB) {
        return fixed_type(msrs, address.value);
    }
    for (unsigned i = 0; i < MTRR_VARIABLE; i++) {
        uint64_t base = msrs->mtrr_variable[2UL * i];
        uint64_t mask = msrs->mtrr_variable[2UL * i + 1];
        if ((mask & MTRR_MASK_VALID) && !((address.value ^ base) & mask & MTRR_ADDRESS)) {
            unsigned own = base & MTRR_TYPE_MASK;
            type = found ? combine(type, own) : own;
            found = true;
        }
    }
    return type;
}

unsigned memory_type_in_guest(unsigned pat_type, bool ignores_pat)
{
    if (ignores_pat) {
        return TYPE_WB;
    }
    return pat_type == TYPE_UC_MINUS ? TYPE_UC : pat_type;
}
