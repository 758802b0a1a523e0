// SPDX-License-Identifier: MIT
// CR0, CR4 and EFER in every order: each bit and each pair of bits, in every mode of the processor.
#include "arch/x86/msr_numbers.h"
#include "guests/hostile/groups.h"
#include "guests/hostile/machine.h"
#include "guests/hostile/modes.h"
#include "guests/lib/cpu.h"

#define CR_BITS 32U
#define EFER_LMSLE BIT(13) // no CPUID bit says whether it is there
#define EFER_FFXSR BIT(14)
#define EFER_TCE BIT(15)
#define CR4_CET BIT(23)
#define CR4_PKS BIT(24)
#define VENDOR_ECX_AMD 0x444d4163U // "cAMD"
#define MSW_BITS 0xfU
#define PLAIN_CR0 ((uint32_t)(CR0_ET | CR0_NE))

enum cpuid_word { LEAF_1_ECX, LEAF_1_EDX, LEAF_7_EBX, LEAF_7_ECX, EXTENDED_ECX, EXTENDED_EDX };

// A bit of a register, and the bit of CPUID that says that it is there.
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
static bool is_amd;

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

static void find_allowed(void)
{
    is_amd = cpuid(0, 0).ecx == VENDOR_ECX_AMD;
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

// Where PAE comes on over tables of 32-bit paging, their first entry has bits that are reserved in
// a page-directory-pointer-table entry.
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

// The registers as they must be afterwards, in `after`. True if the write is legal.
static bool foresee(const struct mode_trial *t, struct mode_trial *after)
{
    const bool long_mode = lma_after(t, t->cr0) != 0;
    bool legal = true;
    after->cr0_after = t->cr0;
    after->cr4_after = t->cr4;
    after->efer_after = (t->efer & ~(uint32_t)EFER_LMA) | lma_after(t, t->cr0);
    switch (t->which) {
    case REGISTER_CR0:
        legal = cr0_legal(t, false);
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

static bool as_foreseen(struct mode_trial trial)
{
    struct mode_trial wanted = trial;
    const bool legal = foresee(&trial, &wanted);
    modes_try(&trial);
    if (!legal) {
        return trial.vector == VECTOR_GP && trial.cr0_after == trial.cr0 &&
               trial.cr4_after == trial.cr4;
    }
    return trial.vector == MODES_NO_VECTOR && trial.cr0_after == wanted.cr0_after &&
           trial.cr4_after == wanted.cr4_after && trial.efer_after == wanted.efer_after;
}

static uint32_t current(const struct mode_trial *t)
{
    return t->which == REGISTER_CR4 ? t->cr4 : t->which == REGISTER_EFER ? t->efer : t->cr0;
}

// Where the tables would not fit the new paging mode it is legal, and fatal. In a guest of AMD-V
// PAE over other tables is, too: nobody looks at them before they are used (APM Vol. 2 15.25.10).
static bool is_tried(const struct mode_trial *t)
{
    const uint32_t needed = (uint32_t)((t->cr4 & CR4_PAE) != 0 ? CR4_PAE : CR4_PSE);
    if (t->which == REGISTER_CR4 && (t->cr0 & CR0_PG) != 0) {
        return (t->value & needed) != 0 && !(is_amd && ((t->value ^ t->cr4) & CR4_PAE) != 0);
    }
    return t->which != REGISTER_EFER || ((t->value ^ t->efer) & EFER_LMSLE) == 0;
}

// Each bit of the register flipped, and each pair of them.
static enum outcome flip_pairs(struct mode_trial trial)
{
    const uint32_t before = current(&trial);
    for (unsigned first = 0; first < CR_BITS; first++) {
        for (unsigned second = first; second < CR_BITS; second++) {
            trial.value = before ^ (uint32_t)(BIT(first) | BIT(second));
            if (is_tried(&trial) && !as_foreseen(trial)) {
                return attempt_wrong("CR0, CR4 and bits", (uint64_t)trial.cr0 << 32 |
                                                              trial.cr4 << 16 | first << 8 |
                                                              second);
            }
        }
    }
    return OUTCOME_DONE;
}

struct mode {
    uint32_t cr0;
    uint32_t cr4;
    uint32_t efer;
};

#define PAE ((uint32_t)CR4_PAE)
#define LME ((uint32_t)EFER_LME)
#define PROTECTED (PLAIN_CR0 | (uint32_t)CR0_PE)
#define PAGED (PROTECTED | (uint32_t)CR0_PG)

// PAE, LME and PG in every order that there is.
static const struct mode real_modes[] = {
    {PLAIN_CR0, 0, 0}, {PLAIN_CR0, PAE, 0}, {PLAIN_CR0, 0, LME}, {PLAIN_CR0, PAE, LME}};
static const struct mode protected_modes[] = {
    {PROTECTED, 0, 0}, {PROTECTED, PAE, 0}, {PROTECTED, 0, LME}, {PROTECTED, PAE, LME}};
static const struct mode paged_modes[] = {{PAGED, (uint32_t)CR4_PSE, 0}, {PAGED, PAE, 0}};

static enum outcome flip_in(const struct mode *modes, unsigned count, enum mode_register which)
{
    find_allowed();
    modes_init();
    for (unsigned i = 0; i < count; i++) {
        // 32-bit tables have large pages.
        const uint32_t cr4 = modes[i].cr4 | (uint32_t)CR4_PSE;
        const struct mode_trial trial = {
            .which = which, .cr0 = modes[i].cr0, .cr4 = cr4, .efer = modes[i].efer};
        if (flip_pairs(trial) == OUTCOME_WRONG) {
            return OUTCOME_WRONG;
        }
    }
    return OUTCOME_DONE;
}

#define FLIPS(name, modes, which)                                                                  \
    static enum outcome name(void)                                                                 \
    {                                                                                              \
        return flip_in(modes, ARRAY_SIZE(modes), which);                                           \
    }

FLIPS(cr0_in_real_mode, real_modes, REGISTER_CR0)
FLIPS(cr4_in_real_mode, real_modes, REGISTER_CR4)
FLIPS(efer_in_real_mode, real_modes, REGISTER_EFER)
FLIPS(cr0_in_protected_mode, protected_modes, REGISTER_CR0)
FLIPS(cr4_in_protected_mode, protected_modes, REGISTER_CR4)
FLIPS(efer_in_protected_mode, protected_modes, REGISTER_EFER)
FLIPS(cr0_with_paging, paged_modes, REGISTER_CR0)
FLIPS(cr4_with_paging, paged_modes, REGISTER_CR4)
FLIPS(efer_with_paging, paged_modes, REGISTER_EFER)

static enum outcome machine_status_words(void)
{
    static const uint32_t starts[] = {PLAIN_CR0, PROTECTED, PAGED};
    modes_init();
    for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
        for (uint32_t value = 0; value <= UINT16_MAX;
             value = value < 16 ? value + 1 : value * 2 + 1) {
            const struct mode_trial trial = {
                .which = REGISTER_MSW, .value = value, .cr0 = starts[i], .cr4 = (uint32_t)CR4_PSE};
            if (!as_foreseen(trial)) {
                return attempt_wrong("CR0 and value", (uint64_t)starts[i] << 32 | value);
            }
        }
    }
    return OUTCOME_DONE;
}

static const struct attempt attempts[] = {
    {"each pair of CR0's bits in real mode", cr0_in_real_mode, DONE},
    {"each pair of CR4's bits in real mode", cr4_in_real_mode, DONE},
    {"each pair of EFER's bits in real mode", efer_in_real_mode, DONE},
    {"each pair of CR0's bits in protected mode", cr0_in_protected_mode, DONE},
    {"each pair of CR4's bits in protected mode", cr4_in_protected_mode, DONE},
    {"each pair of EFER's bits in protected mode", efer_in_protected_mode, DONE},
    {"each pair of CR0's bits with paging", cr0_with_paging, DONE},
    {"each pair of CR4's bits with paging", cr4_with_paging, DONE},
    {"each pair of EFER's bits with paging", efer_with_paging, DONE},
    {"LMSW in three modes", machine_status_words, DONE},
};

const struct attempt_group transitions_group = {attempts, ARRAY_SIZE(attempts)};
