// SPDX-License-Identifier: MIT
// Tests of a guest's NMIs: with virtual NMIs, and by a step over the IRET of their handler.
#include "arch/svm/svm_nmi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_step.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "tests/host/fake_nudge.h"

#define IRET_AT 0x1000
#define RETURNS_TO 0x2000

static const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
static struct svm_capability capability;
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};
static struct vmcb_control *const control = &backend.vmcb.control;
static struct vmcb_save *const save = &backend.vmcb.save;

const struct svm_capability *svm_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

static void create(uint32_t features)
{
    capability = (struct svm_capability){.features = features};
    backend = (struct backend_vcpu){.all_clean = CLEAN_ALL};
    vcpu.work = 0;
    save->rflags = RFLAGS_FIXED;
    save->dr6 = DR6_FIXED;
    save->cr0 = CR0_PE;
    svm_intercepts_set(&vcpu, CAUSE_ALWAYS, true);
    svm_nmi_create_vcpu(&vcpu);
    svm_mark_clean(&backend);
}

static int set_up(void **state)
{
    (void)state;
    create(0);
    return 0;
}

static int set_up_virtual_nmis(void **state)
{
    (void)state;
    create(SVM_VIRTUAL_NMI);
    return 0;
}

// VMRUN delivers EVENTINJ. With virtual NMIs it blocks them then (APM Vol. 2 15.21.10).
static void vmrun(void)
{
    bool is_nmi = (control->eventinj >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK) == EVENTINJ_NMI;
    if ((control->eventinj & EVENTINJ_VALID) && is_nmi && (control->v_intr & V_NMI_ENABLE)) {
        control->v_intr |= V_NMI_MASK;
    }
    control->eventinj = 0;
}

// One NMI is in its handler, which is at its IRET, and another one waits.
static void come_to_iret(void)
{
    assert_true(svm_inject(&vcpu, &nmi));
    vmrun();
    assert_true(control->intercepts & INTERCEPT_IRET);
    assert_false(svm_inject(&vcpu, &nmi));
    svm_request_nmi_window(&vcpu);
    assert_int_equal(svm_nmi_enter(&vcpu), 0);
    assert_false(backend.step.runs);
    assert_int_equal(vcpu.work, 0);
    save->rip = IRET_AT;
    svm_nmi_at_iret(&vcpu);
    assert_int_equal(vcpu.work, WORK_ENTRY);
    assert_int_equal(svm_shadow(&vcpu), SHADOW_NMI);
    vcpu.work = 0;
}

static void begin_step(void)
{
    come_to_iret();
    assert_int_equal(svm_nmi_enter(&vcpu), 0);
    assert_true(save->rflags & RFLAGS_TF);
    assert_int_equal(vcpu.work, WORK_ENTRY); // the run ends at the next exit
    assert_false(control->intercepts & INTERCEPT_IRET);
    assert_true(control->exceptions & BIT(VECTOR_GP));
    assert_true(control->exceptions & BIT(VECTOR_PF));
}

static void iret(uint64_t rflags, uint64_t met)
{
    save->rip = RETURNS_TO;
    save->rflags = rflags;
    save->dr6 |= met;
}

static void assert_no_step(void)
{
    assert_false(backend.step.runs);
    assert_int_equal(control->exceptions, BIT(VECTOR_DB) | BIT(VECTOR_AC) | BIT(VECTOR_MC));
}

static void test_an_nmi_comes_right_behind_the_iret(void **state)
{
    (void)state;
    begin_step();
    iret(RFLAGS_FIXED | RFLAGS_TF | RFLAGS_IF, DR6_BS); // TF is for the code that it returns to
    assert_true(svm_step_trapped(&vcpu));
    assert_no_step();
    assert_int_equal(save->rflags, RFLAGS_FIXED | RFLAGS_TF | RFLAGS_IF);
    assert_int_equal(save->dr6, DR6_FIXED);
    svm_step_leave(&vcpu);
    assert_int_equal(save->rflags, RFLAGS_FIXED | RFLAGS_TF | RFLAGS_IF);
    assert_int_equal(svm_shadow(&vcpu), 0);
    assert_true(svm_inject(&vcpu, &nmi));
}

static void test_an_exit_before_the_iret_leaves_no_trace(void **state)
{
    (void)state;
    save->dr6 |= BIT(0);
    begin_step();
    svm_step_leave(&vcpu);
    assert_no_step();
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_int_equal(save->dr6, DR6_FIXED | BIT(0));
    assert_false(svm_inject(&vcpu, &nmi));
    svm_request_nmi_window(&vcpu);
    assert_int_equal(svm_nmi_enter(&vcpu), 0);
    assert_true(backend.step.runs);
}

// What the handler of the exception finds on its stack is without TF.
static void test_an_iret_that_faults_pushes_no_tf(void **state)
{
    const struct event fault = {
        .type = EVENT_EXCEPTION, .vector = VECTOR_GP, .has_error_code = true, .error_code = 0x58};
    (void)state;
    begin_step();
    assert_true(svm_inject(&vcpu, &fault));
    svm_step_leave(&vcpu);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_true(control->eventinj & EVENTINJ_VALID);
    svm_request_nmi_window(&vcpu);
    nudges = 0;
    vcpu.work = 0;
    assert_int_equal(svm_nmi_enter(&vcpu), 0);
    assert_int_equal(vcpu.work, WORK_ENTRY);
    assert_int_equal(nudges, 1); // VMRUN delivers the fault, then the interrupt exits
    assert_no_step();
}

static void test_the_guests_own_step_is_its_own(void **state)
{
    (void)state;
    save->rflags |= RFLAGS_TF;
    begin_step();
    iret(RFLAGS_FIXED, DR6_BS);
    assert_false(svm_step_trapped(&vcpu));
    assert_no_step();
    assert_int_equal(save->dr6, DR6_FIXED | DR6_BS);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
}

static void test_a_watched_stack_is_met_without_a_step(void **state)
{
    (void)state;
    save->dr6 |= BIT(0); // from before
    begin_step();
    iret(RFLAGS_FIXED, DR6_BS | BIT(1));
    assert_false(svm_step_trapped(&vcpu));
    assert_int_equal(save->dr6, DR6_FIXED | BIT(1));
}

static void test_other_debug_exceptions_are_the_guests(void **state)
{
    (void)state;
    assert_false(svm_step_trapped(&vcpu));
    come_to_iret();
    assert_false(svm_step_trapped(&vcpu));
    assert_int_equal(svm_shadow(&vcpu), SHADOW_NMI);
}

static void test_an_nmi_behind_mov_ss_is_tried_again(void **state)
{
    (void)state;
    control->interrupt_shadow = 1;
    assert_int_equal(svm_shadow(&vcpu), SHADOW_MOV_SS);
    assert_false(svm_inject(&vcpu, &nmi));
    svm_request_nmi_window(&vcpu);
    uint64_t first = svm_nmi_enter(&vcpu);
    svm_request_nmi_window(&vcpu);
    assert_int_equal(svm_nmi_enter(&vcpu), 2 * first);
    save->rflags |= RFLAGS_IF; // with IF it may be the shadow of STI
    assert_int_equal(svm_shadow(&vcpu), SHADOW_STI);
}

// ---- With virtual NMIs ----

static void test_the_cpu_keeps_one_nmi(void **state)
{
    (void)state;
    assert_true(control->v_intr & V_NMI_ENABLE);
    assert_true(svm_inject(&vcpu, &nmi));
    assert_false(control->v_intr & V_NMI);
    assert_true(svm_inject(&vcpu, &nmi)); // comes behind the first
    assert_true(control->v_intr & V_NMI);
    vmrun();
    assert_int_equal(svm_shadow(&vcpu), SHADOW_NMI);
    assert_false(control->intercepts & INTERCEPT_IRET);
    assert_false(svm_event_waits(&vcpu)); // it is blocked
    assert_true(svm_inject(&vcpu, &nmi)); // the third is one with the second
    assert_int_equal(control->eventinj, 0);
    control->v_intr &= ~(uint64_t)V_NMI_MASK; // IRET
    assert_true(svm_event_waits(&vcpu));
    svm_forget_event(&vcpu);
    assert_false(svm_event_waits(&vcpu));
    assert_false(control->v_intr & V_NMI);
}

static void test_the_cpu_waits_for_the_end_of_a_shadow(void **state)
{
    (void)state;
    control->interrupt_shadow = 1;
    assert_true(svm_inject(&vcpu, &nmi));
    assert_int_equal(control->eventinj, 0);
    assert_true(control->v_intr & V_NMI);
    assert_false(control->clean & CLEAN_V_INTR);
}

static void test_the_blocking_can_be_set(void **state)
{
    (void)state;
    svm_nmi_block(&vcpu, true);
    assert_true(control->v_intr & V_NMI_MASK);
    assert_int_equal(svm_shadow(&vcpu), SHADOW_NMI);
    svm_nmi_block(&vcpu, false);
    assert_int_equal(svm_shadow(&vcpu), 0);
    assert_true(control->v_intr & V_NMI_ENABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_nmi_comes_right_behind_the_iret, set_up),
        cmocka_unit_test_setup(test_an_exit_before_the_iret_leaves_no_trace, set_up),
        cmocka_unit_test_setup(test_an_iret_that_faults_pushes_no_tf, set_up),
        cmocka_unit_test_setup(test_the_guests_own_step_is_its_own, set_up),
        cmocka_unit_test_setup(test_a_watched_stack_is_met_without_a_step, set_up),
        cmocka_unit_test_setup(test_other_debug_exceptions_are_the_guests, set_up),
        cmocka_unit_test_setup(test_an_nmi_behind_mov_ss_is_tried_again, set_up),
        cmocka_unit_test_setup(test_the_cpu_keeps_one_nmi, set_up_virtual_nmis),
        cmocka_unit_test_setup(test_the_cpu_waits_for_the_end_of_a_shadow, set_up_virtual_nmis),
        cmocka_unit_test_setup(test_the_blocking_can_be_set, set_up_virtual_nmis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
