// SPDX-License-Identifier: MIT
// What a write to CR0, CR4 or EFER does according to the manuals (SDM Vol. 2B MOV, APM Vol. 2 3.1).
#include "guests/hostile/mode_model.h"

#include "arch/x86/registers.h"
#include "guests/lib/cpu.h"

#define EFER_FFXSR BIT(14)
#define EFER_TCE BIT(15)
#define CR4_CET BIT(23)
#define CR4_PKS BIT(24)
#define MSW_BITS 0xfU

enum cpuid_word { LEAF_1_ECX, LEAF_1_EDX, LEAF_7_EBX, LEAF_7_ECX, EXTENDED_ECX, EXTENDED_EDX };

// A bit of a register, and the bit of CPUID that shows whether it exists.
struct feature {
    uint64_t bit;
    enum cpuid_word word;
    uint8_t number;
};

static const struct feature cr4_features[] = {
    {CR4_VME, LEAF_1_EDX, 1},         {CR4_PVI, LEAF_1_EDX, 1},    {CR4_DE, LEAF_1_EDX, 2},
    {CR4_PSE, LEAF_1_EDX, 3},         {CR4_TSD, LEAF_1_EDX, 4},    {CR4_PAE, LEAF_1_EDX, 6},
    {CR4_MCE, LEAF_1_EDX, 7},         {CR4_PGE, LEAF_1_EDX, 13},   {CR4_OSFXSR, LEAF_1_EDX, 24},
    {CR4_OSXMMEXCPT, LEAF_1_EDX, 25}, {CR4_PCIDE, LEAF_1_ECX, 17}, {CR4_OSXSAVE, LEAF_1_ECX, 26},
    {CR4_VMXE, LEAF_1_ECX, 5},        {CR4_SMXE, LEAF_1_ECX, 6},   {CR4_FSGSBASE, LEAF_7_EBX, 0},
    {CR4_SMEP, LEAF_7_EBX, 7},        {CR4_SMAP, LEAF_7_EBX, 20},  {CR4_UMIP, LEAF_7_ECX, 2},
    {CR4_PKE, LEAF_7_ECX, 3},         {CR4_LA57, LEAF_7_ECX, 16},  {CR4_CET, LEAF_7_ECX, 7},
    {CR4_PKS, LEAF_7_ECX, 31},
};

static const struct feature efer_features[] = {
    {EFER_SCE, EXTENDED_EDX, 11}, {EFER_LME, EXTENDED_EDX, 29},   {EFER_NXE, EXTENDED_EDX, 20},
    {EFER_SVME, EXTENDED_ECX, 2}, {EFER_FFXSR, EXTENDED_EDX, 25}, {EFER_TCE, EXTENDED_ECX, 17},
};

static uint32_t cr4_allowed;
static uint32_t efer_allowed;

static uint64_t allowed_of(const struct feature *features, unsigned count)
{
    const uint32_t words[] = {
        [LEAF_1_ECX] = cpuid(1, 0).ecx,
        [LEAF_1_EDX] = cpuid(1, 0).edx,
        [LEAF_7_EBX] = cpuid_if_present(7, 0).ebx,
        [LEAF_7_ECX] = cpuid_if_present(7, 0).ecx,
        [EXTENDED_ECX] = cpuid_if_present(0x80000001, 0).ecx,
        [EXTENDED_EDX] = cpuid_if_present(0x80000001, 0).edx,
    };
    uint64_t allowed = 0;
    for (unsigned i = 0; i < count; i++) {
        allowed |= (words[features[i].word] >> features[i].number & 1) != 0 ? features[i].bit : 0;
    }
    return allowed;
}

void mode_model_init(void)
{
    cr4_allowed = (uint32_t)(allowed_of(cr4_features, ARRAY_SIZE(cr4_features)) | CR4_PCE);
    efer_allowed = (uint32_t)(allowed_of(efer_features, ARRAY_SIZE(efer_features)) | EFER_LMA);
}

// A write to CR0 (SDM Vol. 2B, MOV to control registers). In 64-bit mode paging stays on.
static bool cr0_legal(const struct mode_trial *t, bool in_64_bits)
{
    const uint32_t value = t->value;
    const bool turned_on = (value & CR0_PG) != 0 && (t->cr0 & CR0_PG) == 0;
    const bool long_mode = (t->efer & EFER_LME) != 0;
    return ((value & CR0_PG) == 0 || (value & CR0_PE) != 0) &&
           ((value & CR0_NW) == 0 || (value & CR0_CD) != 0) &&
           !(turned_on && long_mode && (t->cr4 & CR4_PAE) == 0) &&
           !(in_64_bits && (value & CR0_PG) == 0);
}

// If PAE is switched on over tables of 32-bit paging, their first entry has bits that are reserved
// in an entry of a page-directory-pointer table.
static bool cr4_legal(const struct mode_trial *t, bool long_mode)
{
    const bool paging = (t->cr0 & CR0_PG) != 0;
    const uint32_t changes = t->value ^ t->cr4;
    if ((t->value & ~cr4_allowed) != 0 || (long_mode && (t->value & CR4_PAE) == 0)) {
        return false;
    }
    if ((changes & t->value & CR4_PCIDE) != 0 && (!long_mode || (t->cr3 & 0xfff) != 0)) {
        return false;
    }
    return !(paging && !long_mode && (changes & t->value & CR4_PAE) != 0);
}

static bool efer_legal(const struct mode_trial *t)
{
    return (t->value & ~efer_allowed) == 0 &&
           (((t->value ^ t->efer) & EFER_LME) == 0 || (t->cr0 & CR0_PG) == 0);
}

static uint32_t lma_after(const struct mode_trial *t, uint32_t cr0)
{
    return (t->efer & EFER_LME) != 0 && (cr0 & CR0_PG) != 0 ? (uint32_t)EFER_LMA : 0;
}

bool mode_model_foresee(const struct mode_trial *t, bool in_64_bits, struct mode_trial *after)
{
    const bool long_mode = lma_after(t, t->cr0) != 0;
    bool legal = true;
    after->cr0_after = t->cr0;
    after->cr4_after = t->cr4;
    after->efer_after = (t->efer & ~(uint32_t)EFER_LMA) | lma_after(t, t->cr0);
    switch (t->which) {
    case REGISTER_CR0:
        legal = cr0_legal(t, in_64_bits);
        after->cr0_after = (t->value & (uint32_t)CR0_DEFINED) | (uint32_t)CR0_ET;
        after->efer_after = (t->efer & ~(uint32_t)EFER_LMA) | lma_after(t, t->value);
        break;
    case REGISTER_CR4:
        legal = cr4_legal(t, long_mode);
        after->cr4_after = t->value;
        break;
    case REGISTER_EFER:
        legal = efer_legal(t);
        after->efer_after = (t->value & ~(uint32_t)EFER_LMA) | lma_after(t, t->cr0);
        break;
    default: // LMSW sets PE and does not clear it
        after->cr0_after = (t->cr0 & ~(uint32_t)(MSW_BITS & ~CR0_PE)) | (t->value & MSW_BITS);
        break;
    }
    return legal;
}
