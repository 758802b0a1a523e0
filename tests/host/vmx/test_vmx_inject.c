// SPDX-License-Identifier: MIT
// Tests of events on their way into the guest: what the next entry delivers, and what blocks it.
#include "arch/vmx/vmx_inject.h"

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
#include "arch/x86/frames.h"
#include "arch/x86/registers.h"
#include "tests/host/vmx/fake_vmcs.h"

#define INFO(type, vector) (INTERRUPTION_VALID | (type) << INTERRUPTION_TYPE_SHIFT | (vector))

static struct vmx_capability capability;
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uint64_t)memory;
}

static int set_up(void **state)
{
    (void)state;
    fake_vmcs_clear();
    capability = (struct vmx_capability){.pin = PIN_VIRTUAL_NMIS};
    backend = (struct backend_vcpu){0};
    vmcs_write(GUEST_CR0, CR0_PE);
    return 0;
}

static void test_one_event_waits_at_a_time(void **state)
{
    const struct event interrupt = {.type = EVENT_INTERRUPT, .vector = 0x41};
    const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    (void)state;
    assert_true(vmx_inject(&vcpu, &interrupt));
    assert_true(vmx_event_waits());
    assert_false(vmx_inject(&vcpu, &nmi));
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO), INFO(INTERRUPTION_EXTERNAL, 0x41));
    vmx_forget_event();
    assert_false(vmx_event_waits());
    assert_true(vmx_inject(&vcpu, &nmi));
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO), INFO(INTERRUPTION_NMI, VECTOR_NMI));
}

static void test_exceptions_have_error_codes_in_protected_mode_only(void **state)
{
    const struct event fault = {
        .type = EVENT_EXCEPTION, .vector = VECTOR_GP, .has_error_code = true, .error_code = 0x18};
    (void)state;
    assert_true(vmx_inject(&vcpu, &fault));
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO),
                     INFO(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_GP) | INTERRUPTION_ERROR_CODE);
    assert_int_equal(vmcs_read32(VM_ENTRY_EXCEPTION_ERROR_CODE), 0x18);
    vmx_forget_event();
    vmcs_write(GUEST_CR0, 0);
    assert_true(vmx_inject(&vcpu, &fault));
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO),
                     INFO(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_GP));
}

// A CPU refuses an entry with TF and a shadow but without the pending trap.
static void test_a_single_step_in_a_shadow_stays_pending(void **state)
{
    const struct event trap = {.type = EVENT_EXCEPTION, .vector = VECTOR_DB};
    (void)state;
    vmcs_write(GUEST_RFLAGS, RFLAGS_TF);
    assert_true(vmx_inject(&vcpu, &trap));
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), 0);
    vmx_forget_event();
    vmcs_write32(GUEST_INTERRUPTIBILITY, SHADOW_MOV_SS);
    assert_true(vmx_inject(&vcpu, &trap));
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), DR6_BS);
}

// The entry with INT1 has the same rule. Bit 12 of the information is the exit's own.
static void test_int1_in_a_shadow_keeps_the_single_step(void **state)
{
    const uint32_t int1 = (uint32_t)INFO(INTERRUPTION_PRIVILEGED_SOFTWARE, VECTOR_DB);
    (void)state;
    vmcs_write(GUEST_RFLAGS, RFLAGS_TF);
    vmcs_write32(GUEST_INTERRUPTIBILITY, SHADOW_MOV_SS);
    vmcs_write32(VM_EXIT_INSTRUCTION_LENGTH, 1);
    vmx_reinject_int1(int1 | (uint32_t)BIT(12));
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO), int1);
    assert_int_equal(vmcs_read32(VM_ENTRY_INSTRUCTION_LENGTH), 1);
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), DR6_BS);
}

// SDM Vol. 3A table 6-2: traps on the previous instruction, then NMIs, then interrupts. A fault of
// the instruction behind MOV SS drops the trap that MOV SS has held back.
static void test_interrupts_and_nmis_come_after_a_pending_trap(void **state)
{
    static const uint64_t pending[] = {DR6_BS, BIT(0) | PENDING_DEBUG_ENABLED};
    const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    const struct event fault = {.type = EVENT_EXCEPTION, .vector = VECTOR_GP};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(pending); i++) {
        vmcs_write(GUEST_PENDING_DEBUG, pending[i]);
        assert_true(vmx_blocking_trap_waits()); // an interrupt is not even offered
        assert_false(vmx_inject(&vcpu, &nmi));
        assert_true(vmx_inject(&vcpu, &fault));
        vmx_forget_event();
    }
    vmcs_write(GUEST_PENDING_DEBUG, BIT(0)); // met, but the breakpoint is switched off
    assert_false(vmx_blocking_trap_waits());
    assert_true(vmx_inject(&vcpu, &nmi));
}

static void test_an_event_that_was_cut_short_comes_again(void **state)
{
    (void)state;
    assert_false(vmx_requeue_event());
    assert_false(vmx_event_waits());
    // Bit 12 is undefined in this field and reserved in the other one.
    vmcs_write32(IDT_VECTORING_INFO,
                 (uint32_t)(INFO(INTERRUPTION_SOFTWARE_INTERRUPT, 0x80) | BIT(12)));
    vmcs_write32(VM_EXIT_INSTRUCTION_LENGTH, 2);
    assert_true(vmx_requeue_event());
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO),
                     INFO(INTERRUPTION_SOFTWARE_INTERRUPT, 0x80));
    assert_int_equal(vmcs_read32(VM_ENTRY_INSTRUCTION_LENGTH), 2);
}

static void test_an_nmi_that_comes_again_does_not_block_itself(void **state)
{
    (void)state;
    vmcs_write32(GUEST_INTERRUPTIBILITY, SHADOW_NMI | SHADOW_STI);
    vmcs_write32(IDT_VECTORING_INFO, (uint32_t)INFO(INTERRUPTION_NMI, VECTOR_NMI));
    assert_true(vmx_requeue_event());
    assert_int_equal(vmcs_read32(GUEST_INTERRUPTIBILITY), SHADOW_STI);
}

static void test_an_nmi_waits_while_something_blocks_it(void **state)
{
    static const uint32_t shadows[] = {SHADOW_STI, SHADOW_MOV_SS, SHADOW_NMI};
    const struct event nmi = {.type = EVENT_NMI, .vector = VECTOR_NMI};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(shadows); i++) {
        vmcs_write32(GUEST_INTERRUPTIBILITY, shadows[i]);
        assert_false(vmx_inject(&vcpu, &nmi));
        assert_false(vmx_event_waits());
    }
    vmcs_write32(GUEST_INTERRUPTIBILITY, 0);
    assert_true(vmx_inject(&vcpu, &nmi));
}

static void test_only_virtual_nmis_have_a_window(void **state)
{
    (void)state;
    vmx_request_nmi_window(&vcpu);
    assert_true(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_NMI_WINDOW_EXITING);
    set_up(NULL);
    capability.pin = 0;
    vmx_request_nmi_window(&vcpu);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_NMI_WINDOW_EXITING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_one_event_waits_at_a_time, set_up),
        cmocka_unit_test_setup(test_exceptions_have_error_codes_in_protected_mode_only, set_up),
        cmocka_unit_test_setup(test_a_single_step_in_a_shadow_stays_pending, set_up),
        cmocka_unit_test_setup(test_int1_in_a_shadow_keeps_the_single_step, set_up),
        cmocka_unit_test_setup(test_interrupts_and_nmis_come_after_a_pending_trap, set_up),
        cmocka_unit_test_setup(test_an_event_that_was_cut_short_comes_again, set_up),
        cmocka_unit_test_setup(test_an_nmi_that_comes_again_does_not_block_itself, set_up),
        cmocka_unit_test_setup(test_an_nmi_waits_while_something_blocks_it, set_up),
        cmocka_unit_test_setup(test_only_virtual_nmis_have_a_window, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
