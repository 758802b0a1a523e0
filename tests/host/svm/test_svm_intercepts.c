// SPDX-License-Identifier: MIT
// Tests of the intercepts: the words are always those of the causes that hold.
#include "arch/svm/svm_intercepts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/svm_controls.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"

static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

static struct vmcb_control *control(void)
{
    return &backend.vmcb.control;
}

static int set_up(void **state)
{
    (void)state;
    backend = (struct backend_vcpu){.all_clean = CLEAN_ALL};
    return 0;
}

static void what_must_always_exit_does(void **state)
{
    (void)state;
    svm_intercepts_set(&vcpu, CAUSE_ALWAYS, true);
    assert_true(control()->intercepts_svm & INTERCEPT_VMRUN); // APM Vol. 2 15.5.1
    assert_int_equal(control()->exceptions, BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC));
    assert_int_equal(control()->cr_reads, 0);
    assert_int_equal(control()->cr_writes, BIT(4));
    assert_true(control()->intercepts & INTERCEPT_INTR);
    assert_true(control()->intercepts & INTERCEPT_CR0_SELECTIVE); // CR0.CD stays the host's
    assert_true(control()->intercepts & INTERCEPT_IOIO);
    assert_true(control()->intercepts & INTERCEPT_MSR);
}

static void assert_has_all(const struct vmcb_control *wanted)
{
    assert_int_equal(control()->cr_reads & wanted->cr_reads, wanted->cr_reads);
    assert_int_equal(control()->cr_writes & wanted->cr_writes, wanted->cr_writes);
    assert_int_equal(control()->dr_writes & wanted->dr_writes, wanted->dr_writes);
    assert_int_equal(control()->exceptions & wanted->exceptions, wanted->exceptions);
    assert_int_equal(control()->intercepts & wanted->intercepts, wanted->intercepts);
    assert_int_equal(control()->intercepts_svm & wanted->intercepts_svm, wanted->intercepts_svm);
}

static void each_cause_adds_its_own_and_takes_no_other(void **state)
{
    (void)state;
    for (unsigned first = 0; first < CAUSE_COUNT; first++) {
        svm_intercepts_set(&vcpu, first, true);
        const struct vmcb_control with = *control();
        for (unsigned second = 0; second < CAUSE_COUNT; second++) {
            if (second == first) {
                continue;
            }
            svm_intercepts_set(&vcpu, second, true);
            assert_has_all(&with);
            svm_intercepts_set(&vcpu, second, false);
            assert_has_all(&with);
            assert_memory_equal(&with, control(), offsetof(struct vmcb_control, reserved0));
        }
        svm_intercepts_set(&vcpu, first, false);
        assert_false(svm_intercepts_has(&vcpu, first));
        assert_int_equal(control()->intercepts | control()->intercepts_svm, 0);
    }
}

static void a_change_is_told_to_the_cpu_and_nothing_else(void **state)
{
    (void)state;
    svm_intercepts_set(&vcpu, CAUSE_ALWAYS, true);
    svm_mark_clean(&backend);
    svm_intercepts_set(&vcpu, CAUSE_PAGE_FAULT, false);
    assert_int_equal(control()->clean, CLEAN_ALL);
    svm_intercepts_set(&vcpu, CAUSE_PAGE_FAULT, true);
    assert_true(control()->exceptions & BIT(VECTOR_PF));
    assert_int_equal(control()->clean, CLEAN_ALL & ~CLEAN_INTERCEPTS);
}

static void each_control_clears_its_clean_bit(void **state)
{
    static const uint8_t page[1] = {0};
    (void)state;
    svm_mark_clean(&backend);
    svm_set_nested_root(&vcpu, page);
    assert_int_equal(control()->nested_cr3, (uintptr_t)page);
    assert_int_equal(control()->clean, CLEAN_ALL & ~CLEAN_NESTED);
    svm_mark_clean(&backend);
    svm_set_msr_map(&vcpu, page);
    assert_int_equal(control()->msrpm_base, (uintptr_t)page);
    assert_int_equal(control()->clean, CLEAN_ALL & ~CLEAN_PERMISSION_MAPS);
    svm_mark_clean(&backend);
    svm_set_v_intr(&vcpu, V_TPR_MASK, 0xff);
    assert_int_equal(control()->v_intr, 0xf);
    assert_int_equal(control()->clean, CLEAN_ALL & ~CLEAN_V_INTR);
    svm_mark_clean(&backend);
    svm_set_interrupt_shadow(&backend, true);
    svm_set_v_intr(&vcpu, V_TPR_MASK, 0xf); // no change
    assert_int_equal(control()->interrupt_shadow, 1);
    assert_int_equal(control()->clean, CLEAN_ALL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_must_always_exit_does, set_up),
        cmocka_unit_test_setup(each_cause_adds_its_own_and_takes_no_other, set_up),
        cmocka_unit_test_setup(a_change_is_told_to_the_cpu_and_nothing_else, set_up),
        cmocka_unit_test_setup(each_control_clears_its_clean_bit, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
