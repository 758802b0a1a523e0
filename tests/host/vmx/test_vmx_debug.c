// SPDX-License-Identifier: MIT
// Tests of a debugger's single steps, with the monitor trap flag and without it.
#include "arch/vmx/vmx_debug.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_blocking.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_controls.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/vmx/vmx_state.h"
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "arch/x86/vectors.h"
#include "tests/host/fake_nudge.h"
#include "tests/host/vmx/fake_vmcs.h"

static struct vmx_capability capability;
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};
static uint64_t cr2;

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uint64_t)memory;
}

void vmx_set_register(struct vcpu_core *core, enum guest_register which, uint64_t value)
{
    assert_ptr_equal(core, &vcpu);
    assert_int_equal(which, REG_CR2);
    cr2 = value;
}

static void start(uint32_t primary)
{
    fake_vmcs_clear();
    capability = (struct vmx_capability){.primary = primary};
    backend = (struct backend_vcpu){0};
    vcpu.work = 0;
    vcpu.deadline_ns = 5000;
    nudges = 0;
    vmcs_write(GUEST_RIP, 0x1000);
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
    vmcs_write32(EXCEPTION_BITMAP, VMX_EXCEPTIONS);
}

static int set_up(void **state)
{
    (void)state;
    start(PRIMARY_MONITOR_TRAP);
    return 0;
}

static int set_up_without_flag(void **state)
{
    (void)state;
    start(0);
    return 0;
}

static void the_monitor_trap_ends_a_step(void **state)
{
    (void)state;
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_true(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_MONITOR_TRAP);
    assert_int_equal(vcpu.work, WORK_ENTRY); // the run ends with the next exit
    assert_false(vmcs_read(GUEST_RFLAGS) & RFLAGS_TF);
    vmx_debug_step(&vcpu, STEP_NONE);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_MONITOR_TRAP);
    assert_false(vmx_debug_stepped(&vcpu)); // the exit was another one
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    backend.step.trapped = true; // a jump to itself
    vmx_debug_step(&vcpu, STEP_NONE);
    assert_true(vmx_debug_stepped(&vcpu));
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    vmcs_write(GUEST_RIP, 0x1002); // Husk has executed the instruction
    assert_true(vmx_debug_stepped(&vcpu));
}

static void without_the_flag_tf_makes_the_step(void **state)
{
    uint64_t causes = DR6_BS;
    (void)state;
    vmx_blocking_set(SHADOW_STI);
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_true(vmcs_read(GUEST_RFLAGS) & RFLAGS_TF);
    assert_int_equal(vmx_blocking(), 0); // else the entry would insist on a trap
    assert_true(vmcs_read32(EXCEPTION_BITMAP) & BIT(VECTOR_PF));
    assert_true(vmx_debug_exception(&vcpu, VECTOR_DB, &causes));
    assert_int_equal(vmcs_read(GUEST_RFLAGS), RFLAGS_FIXED);
    assert_int_equal(vmcs_read32(EXCEPTION_BITMAP), VMX_EXCEPTIONS);
    vmx_debug_step(&vcpu, STEP_NONE);
    assert_true(vmx_debug_stepped(&vcpu));
}

static void what_the_instruction_loads_stays(void **state)
{
    uint64_t causes = DR6_BS;
    (void)state;
    vmx_debug_step(&vcpu, STEP_LOADS_FLAGS);
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF | RFLAGS_IF); // IRET to code with TF
    assert_true(vmx_debug_exception(&vcpu, VECTOR_DB, &causes));
    assert_int_equal(vmcs_read(GUEST_RFLAGS), RFLAGS_FIXED | RFLAGS_TF | RFLAGS_IF);
}

static void the_guests_own_traps_are_its_own(void **state)
{
    uint64_t causes = DR6_BS | BIT(1);
    (void)state;
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_false(vmx_debug_exception(&vcpu, VECTOR_DB, &causes));
    assert_int_equal(causes, BIT(1)); // a breakpoint, and no single step
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
    causes = DR6_BS;
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_false(vmx_debug_exception(&vcpu, VECTOR_DB, &causes));
    assert_int_equal(causes, DR6_BS);
    assert_true(vmcs_read(GUEST_RFLAGS) & RFLAGS_TF);
}

static void another_exit_leaves_no_trace(void **state)
{
    uint64_t causes = 0;
    (void)state;
    vmx_blocking_set(SHADOW_MOV_SS);
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_true(vmx_blocking_trap_waits()); // the entry insists on it
    vmcs_write(VM_EXIT_QUALIFICATION, 0x1234);
    assert_false(vmx_debug_exception(&vcpu, VECTOR_PF, &causes));
    assert_int_equal(cr2, 0x1234);
    vmx_debug_step(&vcpu, STEP_NONE);
    assert_int_equal(vmcs_read(GUEST_RFLAGS), RFLAGS_FIXED);
    assert_false(vmx_blocking_trap_waits());
    assert_int_equal(vmcs_read32(EXCEPTION_BITMAP), VMX_EXCEPTIONS);
    assert_false(vmx_debug_stepped(&vcpu));
}

static void an_event_is_delivered_without_tf(void **state)
{
    const struct event call = {.type = EVENT_SOFTWARE, .vector = 0x80, .length = 2};
    (void)state;
    assert_true(vmx_inject(&vcpu, &call));
    assert_int_equal(vmcs_read32(VM_ENTRY_INSTRUCTION_LENGTH), 2);
    vmx_debug_step(&vcpu, STEP_INSTRUCTION);
    assert_false(vmcs_read(GUEST_RFLAGS) & RFLAGS_TF);
    assert_int_equal(vcpu.deadline_ns, 0); // the run ends right behind the delivery
    assert_int_equal(nudges, 1);
}

static void a_halt_is_not_ended_by_tf(void **state)
{
    (void)state;
    vmx_debug_step(&vcpu, STEP_EXITS);
    assert_false(vmcs_read(GUEST_RFLAGS) & RFLAGS_TF);
    assert_int_equal(vcpu.work, WORK_ENTRY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_monitor_trap_ends_a_step, set_up),
        cmocka_unit_test_setup(without_the_flag_tf_makes_the_step, set_up_without_flag),
        cmocka_unit_test_setup(what_the_instruction_loads_stays, set_up_without_flag),
        cmocka_unit_test_setup(the_guests_own_traps_are_its_own, set_up_without_flag),
        cmocka_unit_test_setup(another_exit_leaves_no_trace, set_up_without_flag),
        cmocka_unit_test_setup(an_event_is_delivered_without_tf, set_up_without_flag),
        cmocka_unit_test_setup(a_halt_is_not_ended_by_tf, set_up_without_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
