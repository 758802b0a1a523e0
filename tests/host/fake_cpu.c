// SPDX-License-Identifier: MIT
// Tables of CPUID leaves and MSRs, which the test fills.
#include "tests/host/fake_cpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpuid.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"

#define LEAVES_MAX 16
#define MSRS_MAX 16

static struct {
    unsigned leaf_count;
    struct {
        uint32_t number;
        struct cpuid_registers registers;
    } leaves[LEAVES_MAX];
    unsigned msr_count;
    struct {
        uint32_t number;
        uint64_t value;
        bool locked;
        bool faults;
    } msrs[MSRS_MAX];
    uint32_t microcode;
} cpu;

void fake_cpu_init(void)
{
    memset(&cpu, 0, sizeof(cpu));
}

void fake_cpu_set_leaf(uint32_t leaf, struct cpuid_registers registers)
{
    unsigned i = 0;
    while (i < cpu.leaf_count && cpu.leaves[i].number != leaf) {
        i++;
    }
    assert_true(i < LEAVES_MAX);
    cpu.leaf_count = MAX(cpu.leaf_count, i + 1);
    cpu.leaves[i].number = leaf;
    cpu.leaves[i].registers = registers;
}

void fake_cpu_set_model(const char *vendor, uint32_t signature)
{
    struct cpuid_registers leaf = {.eax = 0x20};
    assert_int_equal(strlen(vendor), 12);
    memcpy(&leaf.ebx, vendor, 4);
    memcpy(&leaf.edx, vendor + 4, 4);
    memcpy(&leaf.ecx, vendor + 8, 4);
    fake_cpu_set_leaf(0, leaf);
    struct cpuid_registers features = cpuid(CPUID_FEATURES, 0);
    features.eax = signature;
    fake_cpu_set_leaf(CPUID_FEATURES, features);
}

static unsigned find_msr(uint32_t msr)
{
    unsigned i = 0;
    while (i < cpu.msr_count && cpu.msrs[i].number != msr) {
        i++;
    }
    return i;
}

void fake_cpu_set_msr(uint32_t msr, uint64_t value)
{
    unsigned i = find_msr(msr);
    assert_true(i < MSRS_MAX);
    cpu.msr_count = MAX(cpu.msr_count, i + 1);
    cpu.msrs[i].number = msr;
    cpu.msrs[i].value = value;
}

void fake_cpu_lock_msr(uint32_t msr, bool faults)
{
    unsigned i = find_msr(msr);
    assert_true(i < cpu.msr_count);
    cpu.msrs[i].locked = true;
    cpu.msrs[i].faults = faults;
}

void fake_cpu_set_microcode(uint32_t revision)
{
    cpu.microcode = revision;
    fake_cpu_set_msr(IA32_BIOS_SIGN_ID, 0);
}

struct cpuid_registers cpuid(uint32_t leaf, uint32_t subleaf)
{
    (void)subleaf;
    if (leaf == CPUID_FEATURES && cpu.microcode != 0) {
        fake_cpu_set_msr(IA32_BIOS_SIGN_ID, (uint64_t)cpu.microcode << 32);
    }
    for (unsigned i = 0; i < cpu.leaf_count; i++) {
        if (cpu.leaves[i].number == leaf) {
            return cpu.leaves[i].registers;
        }
    }
    return (struct cpuid_registers){0};
}

struct cpuid_registers cpuid_checked(uint32_t leaf, uint32_t subleaf)
{
    return cpuid(leaf, subleaf);
}

bool rdmsr_safe(uint32_t msr, uint64_t *value)
{
    unsigned i = find_msr(msr);
    *value = i < cpu.msr_count ? cpu.msrs[i].value : 0;
    return i < cpu.msr_count;
}

// As on a CPU, an MSR that is not there faults.
bool wrmsr_safe(uint32_t msr, uint64_t value)
{
    unsigned i = find_msr(msr);
    if (i == cpu.msr_count) {
        return false;
    }
    if (cpu.msrs[i].locked) {
        return !cpu.msrs[i].faults;
    }
    cpu.msrs[i].value = value;
    return true;
}
