// SPDX-License-Identifier: MIT
// The feature words of CPUID as a set, and the common features of CPUs that differ (P and E cores).
// Pure.
#pragma once

#include "arch/x86/cpuid.h"
#include "vmm/util/types.h"

#define CPUID_SET_WORDS 10

struct cpuid_set {
    uint32_t words[CPUID_SET_WORDS];
    uint8_t physical_bits;
};

// One register of one leaf, by the names of the manuals: CPUID.7:EBX is {7, 0, 'b'}.
struct cpuid_word {
    uint32_t leaf;
    uint32_t subleaf;
    char reg; // 'a', 'b', 'c', 'd'
};

// Fills the set from a CPU's answers. `read` gives zeros for missing leaves.
void cpuid_set_read(struct cpuid_set *set,
                    struct cpuid_registers (*read)(uint32_t leaf, uint32_t subleaf));

// Takes bits out of a word of the set. A word that the set does not have is ignored.
void cpuid_set_remove(struct cpuid_set *set, struct cpuid_word word, uint32_t bits);

// Takes the features that `own` lacks out of `common`. True if `common` lost bits; `word` is then
// the first word that lost bits, and `lost` has these bits.
bool cpuid_set_narrow(struct cpuid_set *common, const struct cpuid_set *own,
                      struct cpuid_word *word, uint32_t *lost);

// A CPU's answer, without the features that are not in the set.
struct cpuid_registers cpuid_set_apply(const struct cpuid_set *set, uint32_t leaf, uint32_t subleaf,
                                       struct cpuid_registers answer);
