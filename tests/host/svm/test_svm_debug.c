// SPDX-License-Identifier: MIT
// Tests of a debugger's single steps by RFLAGS.TF.
#include "arch/svm/svm_debug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_controls.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_intercepts.h"
#include "arch/svm/svm_nmi.h"
#include "arch/svm/svm_step.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "tests/host/fake_nudge.h"

#define RIP 0x1000

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

static int set_up(void **state)
{
    (void)state;
    capability = (struct svm_capability){0};
    backend = (struct backend_vcpu){.all_clean = CLEAN_ALL};
    vcpu.work = 0;
    nudges = 0;
    save->rip = RIP;
    save->rflags = RFLAGS_FIXED;
    save->dr6 = DR6_FIXED;
    svm_intercepts_set(&vcpu, CAUSE_ALWAYS, true);
    svm_nmi_create_vcpu(&vcpu);
    return 0;
}

static void a_trap_ends_a_step(void **state)
{
    (void)state;
    svm_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_true(save->rflags & RFLAGS_TF);
    assert_true(svm_step_has_tf(&vcpu));
    assert_true(control->exceptions & BIT(VECTOR_UD));
    assert_int_equal(vcpu.work, WORK_ENTRY);
    save->dr6 |= DR6_BS;
    assert_true(svm_step_trapped(&vcpu)); // a jump to itself
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_int_equal(save->dr6, DR6_FIXED);
    svm_step_leave(&vcpu);
    assert_true(svm_debug_stepped(&vcpu));
    assert_false(control->exceptions & BIT(VECTOR_UD));
}

static void another_exit_leaves_no_trace(void **state)
{
    (void)state;
    svm_debug_step(&vcpu, STEP_INSTRUCTION);
    svm_step_leave(&vcpu);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_false(svm_debug_stepped(&vcpu));
    svm_debug_step(&vcpu, STEP_NONE);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    svm_debug_step(&vcpu, STEP_INSTRUCTION);
    save->rip += 2; // Husk has executed the instruction
    svm_step_leave(&vcpu);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_true(svm_debug_stepped(&vcpu));
}

static void what_the_instruction_loads_stays(void **state)
{
    (void)state;
    svm_debug_step(&vcpu, STEP_LOADS_FLAGS);
    save->rflags = RFLAGS_FIXED | RFLAGS_TF;
    save->dr6 |= DR6_BS;
    assert_true(svm_step_trapped(&vcpu));
    assert_int_equal(save->rflags, RFLAGS_FIXED | RFLAGS_TF);
}

static void an_event_is_delivered_without_tf(void **state)
{
    const struct event call = {.type = EVENT_SOFTWARE, .vector = 0x80, .length = 2};
    (void)state;
    assert_true(svm_inject(&vcpu, &call));
    assert_int_equal(save->rip, RIP + 2);
    assert_int_equal(control->eventinj >> EVENTINJ_TYPE_SHIFT & EVENTINJ_TYPE_MASK,
                     EVENTINJ_SOFTWARE);
    svm_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_int_equal(nudges, 1); // the run ends right behind the delivery
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_false(svm_debug_stepped(&vcpu));
    control->eventinj = 0;
    save->rip = 0x5000;
    assert_true(svm_debug_stepped(&vcpu));
}

static void a_halt_is_not_ended_by_tf(void **state)
{
    (void)state;
    svm_debug_step(&vcpu, STEP_EXITS);
    assert_int_equal(save->rflags, RFLAGS_FIXED);
    assert_int_equal(vcpu.work, WORK_ENTRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_trap_ends_a_step, set_up),
        cmocka_unit_test_setup(another_exit_leaves_no_trace, set_up),
        cmocka_unit_test_setup(what_the_instruction_loads_stays, set_up),
        cmocka_unit_test_setup(an_event_is_delivered_without_tf, set_up),
        cmocka_unit_test_setup(a_halt_is_not_ended_by_tf, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
