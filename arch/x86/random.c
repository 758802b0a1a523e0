// SPDX-License-Identifier: MIT
// Random numbers from the CPU.
#include "arch/x86/random.h"

#include "arch/x86/cpuid.h"
#include "vmm/util/types.h"

// RDSEED may run dry while other CPUs use it too; then RDRAND, whose generator is seeded by the
// same source. The SDM asks for 10 tries with RDRAND.
#define SEED_TRIES 32
#define RAND_TRIES 10

static bool rdseed(uint64_t *value)
{
    bool good;
    __asm__ volatile("rdseed %0" : "=r"(*value), "=@ccc"(good));
    return good;
}

static bool rdrand(uint64_t *value)
{
    bool good;
    __asm__ volatile("rdrand %0" : "=r"(*value), "=@ccc"(good));
    return good;
}

// Some AMD processors return all ones, and say that it is good, after a sleep of the machine. So
// that number does not count.
static bool next(bool (*instruction)(uint64_t *value), unsigned tries, uint64_t *value)
{
    while (tries-- > 0) {
        if (instruction(value) && *value != UINT64_MAX) {
            return true;
        }
        __asm__ volatile("pause");
    }
    return false;
}

bool random_fill(uint64_t *to, unsigned words)
{
    bool seeds = cpuid_checked(CPUID_STRUCTURED_FEATURES, 0).ebx & CPUID_7_EBX_RDSEED;
    bool rands = cpuid(CPUID_FEATURES, 0).ecx & CPUID_1_ECX_RDRAND;
    for (unsigned i = 0; i < words; i++) {
        if (!(seeds && next(rdseed, SEED_TRIES, &to[i])) &&
            !(rands && next(rdrand, RAND_TRIES, &to[i]))) {
            return false;
        }
    }
    return true;
}
