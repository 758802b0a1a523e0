// SPDX-License-Identifier: MIT
// Tests of RFLAGS that no CPU can have.
#include "arch/svm/svm_flags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/vmcb.h"
#include "arch/x86/registers.h"
#include "vmm/util/types.h"

static void test_flags_of_a_cpu_stay(void **state)
{
    const struct vmcb_save all = {.rflags = 0x3f7fd7};
    const struct vmcb_save usual = {.rflags = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF | RFLAGS_DF};
    (void)state;
    assert_false(svm_flags_spoiled(&all));
    assert_false(svm_flags_spoiled(&usual));
}

static void test_each_bit_that_must_be_clear_is_seen(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        const struct vmcb_save save = {.rflags = RFLAGS_FIXED | 1ULL << bit};
        bool reserved = bit > 21 || bit == 3 || bit == 5 || bit == 15;
        assert_int_equal(svm_flags_spoiled(&save), reserved);
    }
}

// The numbers are those of a boot of Linux: 9FB3AAC2 was RFLAGS behind a CMPXCHG16B.
// The numbers are those of a boot of Linux: 9FB3AAC2 was RFLAGS behind a CMPXCHG16B.
static void test_only_status_flags_and_if_are_kept(void **state)
{
    struct vmcb_save kernel = {.rflags = 0x9fb3aac2, .cpl = 0};
    struct vmcb_save masked = {.rflags = 0x9fb3a882, .cpl = 0};
    struct vmcb_save user = {.rflags = 0x9fb3a882, .cpl = 3};
    (void)state;
    svm_flags_repair(&kernel);
    svm_flags_repair(&masked);
    svm_flags_repair(&user);
    assert_int_equal(kernel.rflags, RFLAGS_FIXED | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF | RFLAGS_IF);
    assert_int_equal(masked.rflags, RFLAGS_FIXED | RFLAGS_SF | RFLAGS_OF);
    assert_int_equal(user.rflags, // a program cannot clear IF
                     RFLAGS_FIXED | RFLAGS_SF | RFLAGS_OF | RFLAGS_IF);
}

// The guest has gone on with spoiled flags: the carry is that of its last addition.
static void test_a_later_carry_is_kept(void **state)
{
    struct vmcb_save save = {.rflags = 0x9fb3a200 | RFLAGS_FIXED | RFLAGS_CF | RFLAGS_DF};
    (void)state;
    svm_flags_repair(&save);
    assert_int_equal(save.rflags, RFLAGS_FIXED | RFLAGS_CF | RFLAGS_IF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_of_a_cpu_stay),
        cmocka_unit_test(test_each_bit_that_must_be_clear_is_seen),
        cmocka_unit_test(test_only_status_flags_and_if_are_kept),
        cmocka_unit_test(test_a_later_carry_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
