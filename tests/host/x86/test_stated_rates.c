// SPDX-License-Identifier: MIT
// Tests of the TSC's rate as CPUs and hypervisors state it.
#include "arch/x86/stated_rates.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/cpu_model.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_cpu.h"

#define MHZ 1000000ULL
#define VALID BIT(63)
#define MICROSOFT_HV 0x7263694du // "Micr"

static struct stated_rates rates;

static int set_up(void **state)
{
    (void)state;
    fake_cpu_init();
    return 0;
}

// Reads the rates. Only this one is stated, or none if it is RATE_COUNT.
static void assert_only(enum stated_rate rate, uint64_t hz)
{
    stated_rates_read(&rates);
    for (unsigned i = 0; i < RATE_COUNT; i++) {
        assert_int_equal(rates.hz[i], i == rate ? hz : 0);
    }
}

static void test_models(void **state)
{
    (void)state;
    fake_cpu_set_model("GenuineIntel", 0x000506e3);
    struct cpu_model cpu = cpu_model_read();
    assert_int_equal(cpu.vendor, CPU_VENDOR_INTEL);
    assert_int_equal(cpu.family, 6);
    assert_int_equal(cpu.model, 0x5e);
    assert_int_equal(cpu.stepping, 3);
    fake_cpu_set_model("AuthenticAMD", 0x00870f10);
    cpu = cpu_model_read();
    assert_int_equal(cpu.vendor, CPU_VENDOR_AMD);
    assert_int_equal(cpu.family, 0x17);
    assert_int_equal(cpu.model, 0x71);
    fake_cpu_set_model("HygonGenuine", 0x00900f02);
    cpu = cpu_model_read();
    assert_int_equal(cpu.vendor, CPU_VENDOR_AMD);
    assert_int_equal(cpu.family, 0x18);
    fake_cpu_set_model("CentaurHauls", 0x000006fd); // a family below 6 and 15 has no extended parts
    assert_int_equal(cpu_model_read().vendor, CPU_VENDOR_OTHER);
}

static void test_nothing_is_stated(void **state)
{
    (void)state;
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_model("GenuineIntel", 0x000506e3);
    fake_cpu_set_msr(MSR_PLATFORM_INFO, BIT(31)); // as a hypervisor may answer
    fake_cpu_set_leaf(CPUID_TSC_RATIO, (struct cpuid_registers){.eax = 2, .ecx = 24000000});
    assert_only(RATE_COUNT, 0);
}

static void test_crystal_and_ratio(void **state)
{
    (void)state;
    struct cpuid_registers leaf = {.eax = 2, .ebx = 250, .ecx = 19200000};
    fake_cpu_set_leaf(CPUID_TSC_RATIO, leaf);
    assert_only(RATE_CPUID_15, 2400 * MHZ);
    leaf.ecx = 0; // the crystal is known for some models only
    fake_cpu_set_leaf(CPUID_TSC_RATIO, leaf);
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_model("GenuineIntel", 0x000506e3); // 24 MHz
    assert_only(RATE_CPUID_15, 3000 * MHZ);
    fake_cpu_set_model("GenuineIntel", 0x00050654); // 25 MHz
    assert_only(RATE_CPUID_15, 3125 * MHZ);
    leaf.eax = 0;
    fake_cpu_set_leaf(CPUID_TSC_RATIO, leaf);
    assert_only(RATE_COUNT, 0);
}

static void test_base_frequency(void **state)
{
    (void)state;
    fake_cpu_set_leaf(CPUID_BASE_RATE, (struct cpuid_registers){.eax = 0xffff0000 | 3500});
    assert_only(RATE_CPUID_16, 3500 * MHZ);
}

static void test_platform_info(void **state)
{
    (void)state;
    fake_cpu_set_msr(MSR_PLATFORM_INFO, 0x80838f1012200);
    assert_only(RATE_COUNT, 0); // another vendor's
    fake_cpu_set_model("GenuineIntel", 0x000206a7);
    assert_only(RATE_PLATFORM_INFO, 3400 * MHZ);
    fake_cpu_set_model("GenuineIntel", 0x000106a5); // Nehalem
    assert_only(RATE_PLATFORM_INFO, 34 * 133330000ULL);
    fake_cpu_set_model("GenuineIntel", 0x00030678); // an Atom with another clock
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_model("GenuineIntel", 0x000006fb); // Core 2: the MSR means something else
    assert_only(RATE_COUNT, 0);
}

static void test_p_states(void **state)
{
    static const struct {
        uint32_t signature;
        uint64_t p_state;
        uint64_t hz;
    } cpus[] = {
        {0x00100f42, VALID | 0x0e, 3000 * MHZ},          // family 10h
        {0x00100f42, VALID | 1 << 6 | 0x0e, 1500 * MHZ}, //
        {0x00730f01, VALID | 0x04, 2000 * MHZ},          // family 16h
        {0x00800f82, VALID | 8 << 8 | 0x88, 3400 * MHZ}, // family 17h
        {0x00800f82, VALID | 0x88, 0},                   // a divisor of 0
        {0x00a20f10, VALID | 0xa << 8 | 0xaa, 3400 * MHZ},
        {0x00b40f40, VALID | 0x2f8, 3800 * MHZ}, // family 1Ah
        {0x00a20f10, 0xa << 8 | 0xaa, 0},        // not valid
        {0x00500f20, VALID | 0x04, 0},           // family 14h has another form
    };
    struct cpuid_registers power = {.edx = CPUID_80000007_EDX_INVARIANT_TSC};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cpus); i++) {
        fake_cpu_set_model("AuthenticAMD", cpus[i].signature);
        fake_cpu_set_msr(AMD_P_STATE_0, cpus[i].p_state);
        fake_cpu_set_leaf(CPUID_ADVANCED_POWER, (struct cpuid_registers){0});
        assert_only(RATE_COUNT, 0); // the TSC may change its rate
        fake_cpu_set_leaf(CPUID_ADVANCED_POWER, power);
        assert_only(RATE_P_STATE, cpus[i].hz);
    }
}

static void test_p_states_of_old_cpus_with_boost(void **state)
{
    struct cpuid_registers power = {.edx = CPUID_80000007_EDX_INVARIANT_TSC |
                                           CPUID_80000007_EDX_BOOST};
    (void)state;
    fake_cpu_set_leaf(CPUID_ADVANCED_POWER, power);
    fake_cpu_set_msr(AMD_P_STATE_0, VALID | 8 << 8 | 0x88);
    fake_cpu_set_model("AuthenticAMD", 0x00600f20); // family 15h: which state is P0 is not known
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_model("AuthenticAMD", 0x00800f82);
    assert_only(RATE_P_STATE, 3400 * MHZ);
}

static void test_hypervisors(void **state)
{
    struct cpuid_registers first = {.eax = CPUID_HYPERVISOR_RATES};
    (void)state;
    fake_cpu_set_leaf(CPUID_HYPERVISOR, first);
    fake_cpu_set_leaf(CPUID_HYPERVISOR_RATES, (struct cpuid_registers){.eax = 2600000});
    assert_only(RATE_COUNT, 0); // no hypervisor: the leaf is another's
    fake_cpu_set_leaf(CPUID_FEATURES, (struct cpuid_registers){.ecx = CPUID_1_ECX_HYPERVISOR});
    assert_only(RATE_HYPERVISOR, 2600 * MHZ);
    first.eax = CPUID_HYPERVISOR_RATES - 1;
    fake_cpu_set_leaf(CPUID_HYPERVISOR, first);
    assert_only(RATE_COUNT, 0);
    first.eax = UINT32_MAX; // not a number of a leaf
    fake_cpu_set_leaf(CPUID_HYPERVISOR, first);
    assert_only(RATE_COUNT, 0);
}

static void test_hyper_v(void **state)
{
    struct cpuid_registers first = {.eax = 0x4000000b, .ebx = MICROSOFT_HV};
    (void)state;
    fake_cpu_set_leaf(CPUID_FEATURES, (struct cpuid_registers){.ecx = CPUID_1_ECX_HYPERVISOR});
    fake_cpu_set_leaf(CPUID_HYPERVISOR, first);
    fake_cpu_set_msr(HYPER_V_TSC_FREQUENCY, 2100 * MHZ);
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_leaf(CPUID_HYPER_V_FEATURES, (struct cpuid_registers){.eax = BIT(11)});
    assert_only(RATE_HYPERVISOR, 2100 * MHZ);
}

static void test_what_no_tsc_can_run_at(void **state)
{
    (void)state;
    fake_cpu_set_leaf(CPUID_BASE_RATE, (struct cpuid_registers){.eax = 50000});
    assert_only(RATE_COUNT, 0);
    fake_cpu_set_leaf(CPUID_TSC_RATIO, (struct cpuid_registers){.eax = 1, .ebx = 1, .ecx = 1});
    assert_only(RATE_COUNT, 0);
}

static void test_agreement(void **state)
{
    (void)state;
    assert_true(stated_rates_agree(3000 * MHZ, 3000 * MHZ));
    assert_true(stated_rates_agree(3030 * MHZ, 3000 * MHZ));
    assert_true(stated_rates_agree(2970 * MHZ, 3000 * MHZ));
    assert_false(stated_rates_agree(3031 * MHZ, 3000 * MHZ));
    assert_false(stated_rates_agree(2969 * MHZ, 3000 * MHZ));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_models, set_up),
        cmocka_unit_test_setup(test_nothing_is_stated, set_up),
        cmocka_unit_test_setup(test_crystal_and_ratio, set_up),
        cmocka_unit_test_setup(test_base_frequency, set_up),
        cmocka_unit_test_setup(test_platform_info, set_up),
        cmocka_unit_test_setup(test_p_states, set_up),
        cmocka_unit_test_setup(test_p_states_of_old_cpus_with_boost, set_up),
        cmocka_unit_test_setup(test_hypervisors, set_up),
        cmocka_unit_test_setup(test_hyper_v, set_up),
        cmocka_unit_test_setup(test_what_no_tsc_can_run_at, set_up),
        cmocka_unit_test(test_agreement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
