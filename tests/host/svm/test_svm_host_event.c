// SPDX-License-Identifier: MIT
// Tests of interrupts of the host, and of the nudge: the interrupt of Husk to itself that ends the
// guest's run in QEMU, right behind an interrupt that VMRUN has delivered.
#include "arch/svm/svm_host_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/svm/svm.h"
#include "arch/svm/svm_capability.h"
#include "arch/svm/svm_cpu.h"
#include "arch/svm/svm_inject.h"
#include "arch/svm/svm_instructions.h"
#include "arch/svm/vmcb.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "arch/x86/time.h"
#include "arch/x86/vectors.h"
#include "vmm/backend.h"

#define VECTOR 0x31

static const struct event interrupt = {.type = EVENT_INTERRUPT, .vector = VECTOR};
static struct svm_capability capability;
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};
static struct vmcb_control *const control = &backend.vmcb.control;

// ---- The CPU: what comes while GIF is clear waits; STGI lets Husk take it ----

static bool nudge_waits;

void svm_clgi(void)
{
}

void svm_stgi(void)
{
    nudge_waits = false;
}

void svm_vmload(uint64_t vmcb)
{
    (void)vmcb;
}

void svm_vmsave(uint64_t vmcb)
{
    (void)vmcb;
}

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    assert_int_equal(apic_id, 0);
    assert_int_equal(vector, VECTOR_NUDGE);
    nudge_waits = true;
}

struct cpu *cpu_this(void)
{
    static struct cpu here;
    return &here;
}

const struct svm_capability *svm_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uintptr_t)memory;
}

uint64_t time_now_ns(void)
{
    return 0;
}

void time_set_deadline(uint64_t ns)
{
    (void)ns;
}

bool vcpu_goes_on(struct vcpu_core *core)
{
    assert_ptr_equal(core, &vcpu);
    return true;
}

// The guest waits for an interrupt, and one of the host's exits.
static uint32_t work_after_interrupt(bool wanted, uint64_t rflags)
{
    svm_request_interrupt_window(&vcpu, wanted);
    backend.vmcb.save.rflags = rflags;
    svm_load_guest(&backend);
    svm_host_interrupt(&vcpu);
    return vcpu.work;
}

static int set_up(void **state)
{
    (void)state;
    capability = (struct svm_capability){.is_qemu_tcg = true};
    backend = (struct backend_vcpu){.all_clean = CLEAN_ALL};
    vcpu.work = 0;
    nudge_waits = false;
    return 0;
}

// ---- The tests ----

static void test_the_nudge_waits_for_vmrun(void **state)
{
    (void)state;
    assert_true(svm_inject(&vcpu, &interrupt));
    assert_false(nudge_waits); // Husk would take it before the entry
    svm_load_guest(&backend);
    assert_true(nudge_waits);
}

// The run ends between an exit's injection and the entry.
static void test_an_interrupt_of_the_run_before(void **state)
{
    (void)state;
    svm_load_guest(&backend);
    assert_false(nudge_waits);
    assert_true(svm_inject(&vcpu, &interrupt));
    assert_true(nudge_waits);
    svm_load_host(&backend);
    assert_false(nudge_waits);
    svm_load_guest(&backend);
    assert_true(nudge_waits);
}

// Husk takes its own interrupts, the nudge too, before the guest goes on.
static void test_an_interrupt_that_comes_again(void **state)
{
    (void)state;
    svm_load_guest(&backend);
    control->exitintinfo =
        VECTOR | (uint64_t)EVENTINJ_INTERRUPT << EVENTINJ_TYPE_SHIFT | EVENTINJ_VALID;
    svm_host_interrupt(&vcpu);
    assert_int_equal(vcpu.work, 0);
    assert_int_equal(control->eventinj, control->exitintinfo);
    assert_true(nudge_waits);
}

static void test_others_need_no_nudge(void **state)
{
    const struct event exception = {.type = EVENT_EXCEPTION, .vector = VECTOR_UD};
    (void)state;
    assert_true(svm_inject(&vcpu, &exception));
    svm_load_guest(&backend);
    assert_false(nudge_waits);
    svm_load_host(&backend);
    control->eventinj = 0;
    capability.is_qemu_tcg = false;
    assert_true(svm_inject(&vcpu, &interrupt));
    svm_load_guest(&backend);
    assert_false(nudge_waits);
}

static void test_a_window_that_is_open(void **state)
{
    (void)state;
    assert_int_equal(work_after_interrupt(true, RFLAGS_IF), WORK_EVENTS);
}

static void test_a_window_that_is_not_open_yet(void **state)
{
    (void)state;
    assert_int_equal(work_after_interrupt(true, 0), 0);
}

static void test_no_window(void **state)
{
    (void)state;
    assert_int_equal(work_after_interrupt(false, RFLAGS_IF), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_nudge_waits_for_vmrun, set_up),
        cmocka_unit_test_setup(test_an_interrupt_of_the_run_before, set_up),
        cmocka_unit_test_setup(test_an_interrupt_that_comes_again, set_up),
        cmocka_unit_test_setup(test_others_need_no_nudge, set_up),
        cmocka_unit_test_setup(test_a_window_that_is_open, set_up),
        cmocka_unit_test_setup(test_a_window_that_is_not_open_yet, set_up),
        cmocka_unit_test_setup(test_no_window, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
