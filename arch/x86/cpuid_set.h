// SPDX-License-Identifier: MIT
// The feature words of CPUID as a set, and what CPUs that differ (P and E cores) have in common.
// Pure.
#pragma once

#include "arch/x86/cpuid.h"
#include "vmm/util/types.h"

#define CPUID_SET_WORDS 10

struct cpuid_set {
    uint32_t words[CPUID_SET_WORDS];
    uint8_t physical_bits;
};

// One register of one leaf, as the manuals name it: CPUID.7:EBX is {7, 0, 'b'}.
struct cpuid_word {
    uint32_t leaf;
    uint32_t subleaf;
    char reg; // 'a', 'b', 'c', 'd'
};

// Fills the set from a CPU's answers; `read` gives zeros for leaves that there are not.
void cpuid_set_read(struct cpuid_set *set,
                    struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf));

// Takes bits out of a word that the set knows; one that it does not know is passed over.
void cpuid_set_remove(struct cpuid_set *set, struct cpuid_word word, uint32_t bits);

// Makes `common` what both have. If it lost bits: true, with the first word that did, and which.
bool cpuid_set_narrow(struct cpuid_set *common, const struct cpuid_set *own,
                      struct cpuid_word *word, uint32_t *lost);

// A CPU's answer, less what is not in the set.
struct cpuid_registers cpuid_set_apply(const struct cpuid_set *set, uint32_t leaf, uint32_t subleaf,
                                       struct cpuid_registers answer);
