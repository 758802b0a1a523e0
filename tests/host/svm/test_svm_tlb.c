// SPDX-License-Identifier: MIT
// Tests of the ASIDs: no vCPU ever runs under an ASID that has translations of another one.
#include "arch/svm/svm_tlb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/svm_capability.h"

static struct svm_capability capability;

const struct svm_capability *svm_capability(void)
{
    return &capability;
}

static struct nested_space space;
static struct backend_vcpu backends[3];
static struct vcpu_core vcpus[3];

static int set_up(void **state)
{
    (void)state;
    capability = (struct svm_capability){.features = SVM_FLUSH_BY_ASID, .asids = 3};
    space = (struct nested_space){.generation = 1};
    svm_tlb_begin(0);
    svm_tlb_begin(1);
    for (unsigned i = 0; i < ARRAY_SIZE(vcpus); i++) {
        backends[i] = (struct backend_vcpu){.nested_generation = 1};
        vcpus[i] = (struct vcpu_core){.backend = &backends[i], .nested = &space};
    }
    return 0;
}

// Returns what VMRUN flushes. The exit after it clears the field and sets all clean bits.
static uint8_t run(unsigned index)
{
    struct vmcb_control *control = &backends[index].vmcb.control;
    svm_tlb_prepare(&vcpus[index]);
    uint8_t flushed = control->tlb_control;
    control->tlb_control = TLB_FLUSH_NOTHING;
    control->clean = CLEAN_ALL;
    return flushed;
}

static uint32_t asid(unsigned index)
{
    return backends[index].vmcb.control.asid;
}

static void each_has_an_asid_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(run(0), TLB_FLUSH_ALL);
    assert_int_equal(run(1), TLB_FLUSH_NOTHING);
    assert_int_equal(asid(0), 1);
    assert_int_equal(asid(1), 2);
    assert_int_equal(run(0), TLB_FLUSH_NOTHING);
    assert_int_equal(asid(0), 1);
}

static void used_up_asids_begin_a_generation(void **state)
{
    (void)state;
    run(0);
    run(1);
    assert_int_equal(run(2), TLB_FLUSH_ALL);
    assert_int_equal(asid(2), 1);
    assert_int_equal(run(0), TLB_FLUSH_NOTHING); // its old translations are gone
    assert_int_equal(asid(0), 2);
}

// A vCPU begins a generation and never runs, so nothing is flushed. The next vCPU must flush: its
// ASID was used before.
static void who_runs_first_flushes_for_all(void **state)
{
    (void)state;
    capability.features = 0;
    run(0);
    run(1);
    svm_tlb_flush(&vcpus[0]);
    assert_int_equal(backends[0].vmcb.control.tlb_control, TLB_FLUSH_ALL);
    assert_int_equal(run(2), TLB_FLUSH_ALL);
    assert_int_equal(asid(2), 2);
}

static void a_flush_without_flush_by_asid_takes_a_new_one(void **state)
{
    (void)state;
    capability.features = 0;
    run(0);
    svm_tlb_flush(&vcpus[0]);
    assert_int_equal(asid(0), 2);
    assert_int_equal(run(0), TLB_FLUSH_NOTHING);
}

static void another_cpu_gives_another_asid(void **state)
{
    (void)state;
    run(0);
    run(1);
    svm_tlb_move(&vcpus[2], 1);
    run(2);
    assert_int_equal(asid(2), 1);
    svm_tlb_move(&vcpus[1], 1);
    svm_tlb_prepare(&vcpus[1]);
    assert_int_equal(asid(1), 2);
    assert_int_equal(backends[1].vmcb.control.clean, 0);
    svm_tlb_move(&vcpus[0], 1);
    assert_int_equal(run(0), TLB_FLUSH_ALL); // the CPU has given out 1 and 2
}

static void staying_keeps_all(void **state)
{
    (void)state;
    run(0);
    svm_tlb_move(&vcpus[0], 0);
    svm_tlb_prepare(&vcpus[0]);
    assert_int_equal(asid(0), 1);
    assert_int_equal(backends[0].vmcb.control.clean, CLEAN_ALL);
}

static void switched_on_again_nothing_holds(void **state)
{
    (void)state;
    run(0);
    svm_tlb_begin(0);
    svm_tlb_prepare(&vcpus[0]);
    assert_int_equal(backends[0].vmcb.control.tlb_control, TLB_FLUSH_ALL);
    assert_int_equal(backends[0].vmcb.control.clean, 0);
}

static void changed_nested_tables_flush_each_once(void **state)
{
    (void)state;
    run(0);
    run(1);
    space.generation++;
    assert_int_equal(run(0), TLB_FLUSH_ASID);
    assert_int_equal(run(1), TLB_FLUSH_ASID);
    assert_int_equal(run(0), TLB_FLUSH_NOTHING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(each_has_an_asid_of_its_own, set_up),
        cmocka_unit_test_setup(used_up_asids_begin_a_generation, set_up),
        cmocka_unit_test_setup(who_runs_first_flushes_for_all, set_up),
        cmocka_unit_test_setup(a_flush_without_flush_by_asid_takes_a_new_one, set_up),
        cmocka_unit_test_setup(another_cpu_gives_another_asid, set_up),
        cmocka_unit_test_setup(staying_keeps_all, set_up),
        cmocka_unit_test_setup(switched_on_again_nothing_holds, set_up),
        cmocka_unit_test_setup(changed_nested_tables_flush_each_once, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
