// SPDX-License-Identifier: MIT
// The feature words of CPUID, and their intersection.
#include "arch/x86/cpuid_set.h"

static const struct cpuid_word known[] = {
    {CPUID_FEATURES, 0, 'c'},
    {CPUID_FEATURES, 0, 'd'},
    {CPUID_STRUCTURED_FEATURES, 0, 'b'},
    {CPUID_STRUCTURED_FEATURES, 0, 'c'},
    {CPUID_STRUCTURED_FEATURES, 0, 'd'},
    {CPUID_XSAVE, 1, 'a'},
    {CPUID_EXTENDED_FEATURES, 0, 'c'},
    {CPUID_EXTENDED_FEATURES, 0, 'd'},
    {CPUID_ADVANCED_POWER, 0, 'd'},
    {CPUID_ADDRESS_SIZES, 0, 'b'},
};

static_assert(ARRAY_SIZE(known) == CPUID_SET_WORDS, "a word for each");

static uint32_t *register_of(struct cpuid_registers *answer, char reg)
{
    switch (reg) {
    case 'a':
        return &answer->eax;
    case 'b':
        return &answer->ebx;
    case 'c':
        return &answer->ecx;
    default:
        return &answer->edx;
    }
}

void cpuid_set_read(struct cpuid_set *set,
                    struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf))
{
    for (unsigned i = 0; i < CPUID_SET_WORDS; i++) {
        struct cpuid_registers answer = read(known[i].leaf, known[i].subleaf);
        set->words[i] = *register_of(&answer, known[i].reg);
    }
    set->physical_bits = read(CPUID_ADDRESS_SIZES, 0).eax & PHYSICAL_BITS_MASK;
}

void cpuid_set_remove(struct cpuid_set *set, struct cpuid_word word, uint32_t bits)
{
    for (unsigned i = 0; i < CPUID_SET_WORDS; i++) {
        if (known[i].leaf == word.leaf && known[i].subleaf == word.subleaf &&
            known[i].reg == word.reg) {
            set->words[i] &= ~bits;
        }
    }
}

bool cpuid_set_narrow(struct cpuid_set *common, const struct cpuid_set *own,
                      struct cpuid_word *word, uint32_t *lost)
{
    bool narrowed = false;
    for (unsigned i = 0; i < CPUID_SET_WORDS; i++) {
        uint32_t missing = common->words[i] & ~own->words[i];
        if (missing && !narrowed) {
            *word = known[i];
            *lost = missing;
            narrowed = true;
        }
        common->words[i] &= own->words[i];
    }
    common->physical_bits = MIN(common->physical_bits, own->physical_bits);
    return narrowed;
}

struct cpuid_registers cpuid_set_apply(const struct cpuid_set *set, uint32_t leaf, uint32_t subleaf,
                                       struct cpuid_registers answer)
{
    for (unsigned i = 0; i < CPUID_SET_WORDS; i++) {
        if (known[i].leaf == leaf && known[i].subleaf == subleaf) {
            *register_of(&answer, known[i].reg) &= set->words[i];
        }
    }
    if (leaf == CPUID_ADDRESS_SIZES) {
        uint32_t bits = MIN(answer.eax & PHYSICAL_BITS_MASK, set->physical_bits);
        answer.eax = (answer.eax & ~PHYSICAL_BITS_MASK) | bits;
    }
    return answer;
}
