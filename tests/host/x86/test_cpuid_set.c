// SPDX-License-Identifier: MIT
// Tests of the features that different CPUs have in common: P and E cores, as CPUID shows them.
#include "arch/x86/cpuid_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct cpuid_registers answers_1, answers_7, answers_d1, answers_sizes;

static struct cpuid_registers fake_read(uint32_t leaf, uint32_t subleaf)
{
    if (leaf == CPUID_FEATURES && subleaf == 0) {
        return answers_1;
    }
    if (leaf == CPUID_STRUCTURED_FEATURES && subleaf == 0) {
        return answers_7;
    }
    if (leaf == CPUID_XSAVE && subleaf == 1) {
        return answers_d1;
    }
    return leaf == CPUID_ADDRESS_SIZES ? answers_sizes : (struct cpuid_registers){0};
}

static struct cpuid_set set_of(uint32_t leaf7_ebx, uint32_t leaf7_ecx, uint8_t physical_bits)
{
    struct cpuid_set set;
    answers_1 =
        (struct cpuid_registers){.eax = 0x906a3, .ebx = 1, .ecx = 0x77fafbff, .edx = 0xbfebfbff};
    answers_7 = (struct cpuid_registers){.eax = 2, .ebx = leaf7_ebx, .ecx = leaf7_ecx};
    answers_d1 = (struct cpuid_registers){.eax = 0xf, .ebx = 0x340};
    answers_sizes = (struct cpuid_registers){.eax = 0x3000U | physical_bits};
    cpuid_set_read(&set, fake_read);
    return set;
}

static int clear(void **state)
{
    (void)state;
    memset(&answers_1, 0, sizeof(answers_1));
    return 0;
}

static void test_equal_cpus_lose_nothing(void **state)
{
    struct cpuid_set common = set_of(0xf0f0, 7, 46);
    struct cpuid_set own = set_of(0xf0f0, 7, 46);
    struct cpuid_word word;
    uint32_t lost;
    (void)state;
    assert_false(cpuid_set_narrow(&common, &own, &word, &lost));
    assert_memory_equal(&common, &own, sizeof(own));
}

static void test_the_first_loss_is_named(void **state)
{
    struct cpuid_set common = set_of(BIT(16) | BIT(5), 3, 46);
    struct cpuid_set own = set_of(BIT(5) | BIT(9), 1, 39);
    struct cpuid_word word = {0};
    uint32_t lost = 0;
    (void)state;
    assert_true(cpuid_set_narrow(&common, &own, &word, &lost));
    assert_int_equal(word.leaf, 7);
    assert_int_equal(word.reg, 'b');
    assert_int_equal(lost, BIT(16));
    struct cpuid_registers answer = {.eax = 1, .ebx = UINT32_MAX, .ecx = UINT32_MAX, .edx = 0};
    answer = cpuid_set_apply(&common, CPUID_STRUCTURED_FEATURES, 0, answer);
    assert_int_equal(answer.eax, 1);
    assert_int_equal(answer.ebx, BIT(5));
    assert_int_equal(answer.ecx, 1);
}

// A CPU with more features takes none away, and it does not show more of them.
static void test_a_richer_cpu_changes_nothing(void **state)
{
    struct cpuid_set common = set_of(BIT(5), 1, 39);
    struct cpuid_set own = set_of(BIT(5) | BIT(16), 3, 46);
    struct cpuid_word word;
    uint32_t lost;
    (void)state;
    assert_false(cpuid_set_narrow(&common, &own, &word, &lost));
    struct cpuid_registers answer = cpuid_set_apply(&common, CPUID_ADDRESS_SIZES, 0, answers_sizes);
    assert_int_equal(answer.eax, 0x3000 | 39);
}

static void test_what_is_no_feature_passes(void **state)
{
    struct cpuid_set nothing = {0};
    struct cpuid_registers answer = {
        .eax = 0x906a3, .ebx = 0x100800, .ecx = UINT32_MAX, .edx = UINT32_MAX};
    (void)state;
    answer = cpuid_set_apply(&nothing, CPUID_FEATURES, 0, answer);
    assert_int_equal(answer.eax, 0x906a3);
    assert_int_equal(answer.ebx, 0x100800);
    assert_int_equal(answer.ecx, 0);
    assert_int_equal(answer.edx, 0);
    answer = cpuid_set_apply(&nothing, 4, 0, (struct cpuid_registers){.eax = 0x121, .edx = 7});
    assert_int_equal(answer.eax, 0x121);
    assert_int_equal(answer.edx, 7);
    answer = cpuid_set_apply(&nothing, CPUID_XSAVE, 0, (struct cpuid_registers){.eax = 7});
    assert_int_equal(answer.eax, 7); // XCR0's mask is not part of the set
}

static void test_bits_are_removed_from_one_word(void **state)
{
    struct cpuid_set set = set_of(BIT(10) | BIT(5), 3, 46);
    (void)state;
    cpuid_set_remove(&set, (struct cpuid_word){CPUID_STRUCTURED_FEATURES, 0, 'b'}, BIT(10));
    cpuid_set_remove(&set, (struct cpuid_word){0x19, 0, 'b'}, UINT32_MAX); // not a word of the set
    struct cpuid_registers answer = cpuid_set_apply(&set, CPUID_STRUCTURED_FEATURES, 0, answers_7);
    assert_int_equal(answer.ebx, BIT(5));
    assert_int_equal(answer.ecx, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_equal_cpus_lose_nothing, clear),
        cmocka_unit_test_setup(test_the_first_loss_is_named, clear),
        cmocka_unit_test_setup(test_a_richer_cpu_changes_nothing, clear),
        cmocka_unit_test_setup(test_what_is_no_feature_passes, clear),
        cmocka_unit_test_setup(test_bits_are_removed_from_one_word, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
