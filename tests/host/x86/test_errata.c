// SPDX-License-Identifier: MIT
// Tests of the errata: which CPUs have them, and what is done to their registers.
#include "arch/x86/errata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "arch/x86/cpu_model.h"
#include "arch/x86/cpuid_bits.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_cpu.h"

#define C1E (BIT(27) | BIT(28))

static int set_up(void **state)
{
    (void)state;
    fake_cpu_init();
    return 0;
}

// A CPU with these features of leaf 1.
static void choose(const char *vendor, uint32_t signature, uint64_t ecx, uint64_t edx)
{
    fake_cpu_set_leaf(CPUID_FEATURES,
                      (struct cpuid_registers){.ecx = (uint32_t)ecx, .edx = (uint32_t)edx});
    fake_cpu_set_model(vendor, signature);
}

static struct errata found(void)
{
    struct errata errata = {0};
    errata_find(&errata);
    return errata;
}

static bool is_found(enum erratum erratum)
{
    return found().in_force & BIT(erratum);
}

static uint64_t msr(uint32_t number)
{
    uint64_t value;
    assert_true(rdmsr_safe(number, &value));
    return value;
}

static void old_microcode_has_no_deadline_timer(void **state)
{
    static const struct {
        uint32_t signature;
        uint32_t fixed_in; // 0: it has no erratum
    } cpus[] = {
        {0x000306c3, 0x22},       // Haswell
        {0x000306f2, 0x3a},       // Xeon E5 v3, stepping 2
        {0x000306f3, 0},          // stepping 3 was not sold
        {0x000306f4, 0x0f},       // Xeon E7 v3
        {0x00050663, 0x0700000e}, // Xeon D
        {0x000506e3, 0xb2},       // Skylake
        {0x00050654, 0x02000014}, // Xeon Scalable
        {0x00050657, 0},          // its second generation
        {0x000906e9, 0x52},       // Kaby Lake
        {0x000206a7, 0},          // Sandy Bridge
        {0x00000f3c, 0},          // another family with the model of Haswell
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        fake_cpu_init();
        choose("GenuineIntel", cpus[i].signature, CPUID_1_ECX_TSC_DEADLINE, 0);
        assert_int_equal(is_found(ERRATUM_TSC_DEADLINE), cpus[i].fixed_in != 0);
        fake_cpu_set_microcode(cpus[i].fixed_in - 1);
        assert_int_equal(is_found(ERRATUM_TSC_DEADLINE), cpus[i].fixed_in != 0);
        fake_cpu_set_microcode(cpus[i].fixed_in);
        assert_false(is_found(ERRATUM_TSC_DEADLINE) && cpus[i].fixed_in != 0);
        fake_cpu_set_microcode(cpus[i].fixed_in + 1);
        assert_false(is_found(ERRATUM_TSC_DEADLINE));
    }
}

static void the_deadline_timer_of_others_is_not_affected(void **state)
{
    (void)state;
    choose("GenuineIntel", 0x000306c3, 0, 0); // it has none
    assert_false(is_found(ERRATUM_TSC_DEADLINE));
    choose("GenuineIntel", 0x000306c3, CPUID_1_ECX_TSC_DEADLINE | CPUID_1_ECX_HYPERVISOR, 0);
    assert_false(is_found(ERRATUM_TSC_DEADLINE));
    choose("AuthenticAMD", 0x000306c3, CPUID_1_ECX_TSC_DEADLINE, 0);
    assert_false(is_found(ERRATUM_TSC_DEADLINE));
}

static void self_snooping_is_said_by_cpuid_but_for_some_models(void **state)
{
    (void)state;
    choose("GenuineIntel", 0x000506e3, CPUID_1_ECX_VMX, CPUID_1_EDX_SELF_SNOOP);
    assert_false(is_found(ERRATUM_SELF_SNOOP));
    choose("GenuineIntel", 0x000506e3, CPUID_1_ECX_VMX, 0);
    assert_true(is_found(ERRATUM_SELF_SNOOP));
    choose("GenuineIntel", 0x000206a7, CPUID_1_ECX_VMX, CPUID_1_EDX_SELF_SNOOP); // Sandy Bridge
    assert_true(is_found(ERRATUM_SELF_SNOOP));
    choose("GenuineIntel", 0x000106a5, CPUID_1_ECX_VMX, CPUID_1_EDX_SELF_SNOOP); // Nehalem
    assert_true(is_found(ERRATUM_SELF_SNOOP));
    choose("GenuineIntel", 0x000306a9, CPUID_1_ECX_VMX, CPUID_1_EDX_SELF_SNOOP); // Ivy Bridge
    assert_false(is_found(ERRATUM_SELF_SNOOP));
    choose("CentaurHauls", 0x000006fd, CPUID_1_ECX_VMX, 0);
    assert_true(is_found(ERRATUM_SELF_SNOOP));
    choose("AuthenticAMD", 0x00800f82, 0, 0); // nested paging has no bit for it
    assert_false(is_found(ERRATUM_SELF_SNOOP));
}

static void the_error_pointers_are_amds(void **state)
{
    const struct cpuid_registers restores = {.ebx = CPUID_80000008_EBX_RESTORES_POINTERS};
    (void)state;
    choose("GenuineIntel", 0x000506e3, 0, 0);
    assert_false(is_found(ERRATUM_FP_POINTERS));
    choose("AuthenticAMD", 0x00800f82, CPUID_1_ECX_HYPERVISOR, 0); // it is the CPU's all the same
    assert_true(is_found(ERRATUM_FP_POINTERS));
    fake_cpu_set_leaf(CPUID_ADDRESS_SIZES, restores);
    assert_false(is_found(ERRATUM_FP_POINTERS));
}

static void c1e_is_switched_off(void **state)
{
    (void)state;
    choose("AuthenticAMD", 0x00100f42, 0, 0);
    assert_false(is_found(ERRATUM_C1E)); // it has no such register
    fake_cpu_set_msr(AMD_INT_PENDING, 0x12345);
    assert_false(is_found(ERRATUM_C1E)); // C1E is off
    assert_int_equal(msr(AMD_INT_PENDING), 0x12345);
    fake_cpu_set_msr(AMD_INT_PENDING, 0x12345 | BIT(27));
    assert_true(is_found(ERRATUM_C1E));
    assert_int_equal(msr(AMD_INT_PENDING), 0x12345);
    fake_cpu_set_msr(AMD_INT_PENDING, BIT(28));
    struct errata errata = found();
    assert_int_equal(errata.in_force & BIT(ERRATUM_C1E), BIT(ERRATUM_C1E));
    assert_int_equal(errata.open & BIT(ERRATUM_C1E), 0);
    assert_int_equal(msr(AMD_INT_PENDING), 0);
    found(); // a CPU that has no C1E any more
    assert_int_equal(msr(AMD_INT_PENDING), 0);
}

static void c1e_that_stays_on_is_open(void **state)
{
    (void)state;
    for (unsigned faults = 0; faults < 2; faults++) {
        fake_cpu_init();
        choose("AuthenticAMD", 0x00040f33, 0, 0); // family 0Fh
        fake_cpu_set_msr(AMD_INT_PENDING, C1E);
        fake_cpu_lock_msr(AMD_INT_PENDING, faults);
        struct errata errata = found();
        assert_int_equal(errata.in_force & BIT(ERRATUM_C1E), BIT(ERRATUM_C1E));
        assert_int_equal(errata.open & BIT(ERRATUM_C1E), BIT(ERRATUM_C1E));
    }
}

static void c1e_of_others_stays(void **state)
{
    static const struct {
        uint32_t signature;
        uint64_t ecx;
    } cpus[] = {
        {0x00020f32, 0},                      // family 0Fh before C1E
        {0x00600f12, 0},                      // family 15h
        {0x00100f42, CPUID_1_ECX_HYPERVISOR}, // not the CPU's register
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cpus); i++) {
        choose("AuthenticAMD", cpus[i].signature, cpus[i].ecx, 0);
        fake_cpu_set_msr(AMD_INT_PENDING, C1E);
        assert_false(is_found(ERRATUM_C1E));
        assert_int_equal(msr(AMD_INT_PENDING), C1E);
    }
}

static void the_bit_against_793_is_set(void **state)
{
    (void)state;
    choose("AuthenticAMD", 0x00700f01, 0, 0);
    fake_cpu_set_msr(AMD_LS_CFG, BIT(3));
    struct errata errata = found();
    assert_int_equal(errata.in_force & BIT(ERRATUM_793), BIT(ERRATUM_793));
    assert_int_equal(errata.open, 0);
    assert_int_equal(msr(AMD_LS_CFG), BIT(3) | BIT(15));
    fake_cpu_lock_msr(AMD_LS_CFG, true);
    assert_int_equal(found().open, 0); // the bit is there already: nothing is written
    fake_cpu_set_msr(AMD_LS_CFG, 0);
    assert_int_equal(found().open, BIT(ERRATUM_793));
    choose("AuthenticAMD", 0x00730f01, 0, 0); // models 30h-3Fh do not have it
    assert_false(is_found(ERRATUM_793));
    choose("AuthenticAMD", 0x00700f01, CPUID_1_ECX_HYPERVISOR, 0);
    assert_false(is_found(ERRATUM_793));
}

static void tlb_multimatches_are_reported(void **state)
{
    (void)state;
    choose("AuthenticAMD", 0x00100f42, 0, 0);
    fake_cpu_set_msr(AMD_DC_CFG, 1);
    assert_true(is_found(ERRATUM_383));
    assert_int_equal(msr(AMD_DC_CFG), BIT(47) | 1);
    choose("AuthenticAMD", 0x00600f12, 0, 0);
    assert_false(is_found(ERRATUM_383));
}

static void ipis_of_avic_are_lost_on_zen(void **state)
{
    (void)state;
    choose("AuthenticAMD", 0x00800f82, 0, 0);
    assert_true(is_found(ERRATUM_1235));
    choose("HygonGenuine", 0x00900f02, 0, 0);
    assert_true(is_found(ERRATUM_1235));
    choose("AuthenticAMD", 0x00a20f10, 0, 0);
    assert_false(is_found(ERRATUM_1235));
}

static void the_machine_has_what_one_of_its_cpus_has(void **state)
{
    char text[100];
    unsigned next = 0;
    (void)state;
    choose("GenuineIntel", 0x00050657, 0, 0);
    errata_apply();
    assert_false(errata_describe(&next, text, sizeof(text)));
    choose("AuthenticAMD", 0x00100f42, 0, 0);
    fake_cpu_set_msr(AMD_INT_PENDING, C1E);
    fake_cpu_lock_msr(AMD_INT_PENDING, false);
    fake_cpu_set_msr(AMD_DC_CFG, 0);
    errata_apply();
    choose("GenuineIntel", 0x00050657, 0, 0);
    errata_apply();
    assert_true(erratum_in_force(ERRATUM_C1E));
    assert_true(erratum_is_open(ERRATUM_C1E));
    assert_true(erratum_in_force(ERRATUM_383));
    assert_false(erratum_is_open(ERRATUM_383));
    assert_false(erratum_in_force(ERRATUM_793));
    next = 0;
    assert_true(errata_describe(&next, text, sizeof(text)));
    assert_string_equal(text, "FXRSTOR leaves x87 error pointers: vCPU switches clear them");
    assert_true(errata_describe(&next, text, sizeof(text)));
    assert_string_equal(text, "400, 669: C1E stops the APIC timer: CPUs at rest do not halt");
    assert_true(errata_describe(&next, text, sizeof(text)));
    assert_string_equal(text, "383: a TLB may match twice: that is a machine check of the guest");
    assert_false(errata_describe(&next, text, sizeof(text)));
}

// Names are not ended by a NUL if they fill the leaves.
static void the_name_comes_from_three_leaves(void **state)
{
    static const char text[] = "   ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs";
    char name[CPU_NAME_BYTES];
    (void)state;
    cpu_name_read(name);
    assert_string_equal(name, "");
    for (uint32_t i = 0; i < CPUID_NAME_LEAVES; i++) {
        struct cpuid_registers leaf;
        memcpy(&leaf, text + i * sizeof(leaf), sizeof(leaf));
        fake_cpu_set_leaf(CPUID_NAME + i, leaf);
    }
    cpu_name_read(name);
    assert_string_equal(name, text + 3);
}

static void the_microcode_of_amd_is_in_the_low_half(void **state)
{
    (void)state;
    choose("GenuineIntel", 0x000306c3, 0, 0);
    assert_int_equal(cpu_microcode_read(), 0);
    fake_cpu_set_microcode(0x28);
    assert_int_equal(cpu_microcode_read(), 0x28);
    fake_cpu_init();
    choose("AuthenticAMD", 0x00800f82, 0, 0);
    assert_int_equal(cpu_microcode_read(), 0);
    fake_cpu_set_msr(IA32_BIOS_SIGN_ID, 0x08701021);
    assert_int_equal(cpu_microcode_read(), 0x08701021);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(old_microcode_has_no_deadline_timer, set_up),
        cmocka_unit_test_setup(the_deadline_timer_of_others_is_not_affected, set_up),
        cmocka_unit_test_setup(self_snooping_is_said_by_cpuid_but_for_some_models, set_up),
        cmocka_unit_test_setup(the_error_pointers_are_amds, set_up),
        cmocka_unit_test_setup(c1e_is_switched_off, set_up),
        cmocka_unit_test_setup(c1e_that_stays_on_is_open, set_up),
        cmocka_unit_test_setup(c1e_of_others_stays, set_up),
        cmocka_unit_test_setup(the_bit_against_793_is_set, set_up),
        cmocka_unit_test_setup(tlb_multimatches_are_reported, set_up),
        cmocka_unit_test_setup(ipis_of_avic_are_lost_on_zen, set_up),
        cmocka_unit_test_setup(the_name_comes_from_three_leaves, set_up),
        cmocka_unit_test_setup(the_microcode_of_amd_is_in_the_low_half, set_up),
        cmocka_unit_test_setup(the_machine_has_what_one_of_its_cpus_has, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
