// SPDX-License-Identifier: MIT
// Tests of the control words: what one setter wrote, no other setter undoes.
#include "arch/vmx/vmx_controls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/x86/frames.h"
#include "tests/host/vmx/fake_vmcs.h"

static struct vmx_capability capability;
static uint8_t msr_bitmap[1], x2apic_msr_bitmap[1];
static struct nested_space space = {.msr_bitmap = msr_bitmap,
                                    .x2apic_msr_bitmap = x2apic_msr_bitmap};
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend, .nested = &space};

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uint64_t)memory;
}

static void use_cpu_with_apicv(void)
{
    capability = (struct vmx_capability){
        .pin = PIN_EXTERNAL_INTERRUPT_EXITING | PIN_VIRTUAL_NMIS | PIN_POSTED_INTERRUPTS,
        .primary =
            (uint32_t)(PRIMARY_HLT_EXITING | PRIMARY_ACTIVATE_SECONDARY | PRIMARY_USE_TPR_SHADOW),
        .secondary = (uint32_t)(SECONDARY_ENABLE_EPT | SECONDARY_ENABLE_VPID) | SECONDARY_APICV,
        .entry = ENTRY_CONTROL_LOAD_EFER,
    };
}

static void use_cpu_without_apicv(void)
{
    use_cpu_with_apicv();
    capability.pin &= ~(uint32_t)PIN_POSTED_INTERRUPTS;
    capability.primary &= ~(uint32_t)PRIMARY_USE_TPR_SHADOW;
    capability.primary |= (uint32_t)PRIMARY_CR8_EXITING;
    capability.secondary &= ~SECONDARY_APICV;
}

static int set_up(void **state)
{
    (void)state;
    fake_vmcs_clear();
    use_cpu_with_apicv();
    vmx_controls_start(&vcpu);
    return 0;
}

static void test_a_new_vmcs_serves_an_xapic(void **state)
{
    (void)state;
    assert_int_equal(vmcs_read32(PIN_BASED_CONTROLS), capability.pin);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), capability.primary);
    assert_int_equal(vmcs_read32(SECONDARY_CONTROLS),
                     capability.secondary & ~(uint32_t)SECONDARY_X2APIC_MODE);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS), capability.entry);
    assert_int_equal(vmcs_read64(MSR_BITMAP), (uint64_t)msr_bitmap);
}

static void test_a_new_vmcs_without_apic_virtualization_has_what_the_cpu_has(void **state)
{
    (void)state;
    use_cpu_without_apicv();
    vmx_controls_start(&vcpu);
    assert_int_equal(vmcs_read32(PIN_BASED_CONTROLS), capability.pin);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), capability.primary);
    assert_int_equal(vmcs_read32(SECONDARY_CONTROLS), capability.secondary);
}

static void test_a_vcpu_that_is_made_anew_has_no_window(void **state)
{
    (void)state;
    vmx_controls_set_interrupt_window(&vcpu, true);
    vmx_controls_set_nmi_window(&vcpu, true);
    vmx_controls_start(&vcpu);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), capability.primary);
}

static void test_an_x2apic_has_its_own_bitmap_and_no_access_page(void **state)
{
    (void)state;
    vmx_controls_set_apic(&vcpu, APIC_ACCESS_MSR);
    assert_int_equal(vmcs_read32(SECONDARY_CONTROLS),
                     capability.secondary & ~(uint32_t)SECONDARY_APIC_ACCESSES);
    assert_int_equal(vmcs_read64(MSR_BITMAP), (uint64_t)x2apic_msr_bitmap);
    vmx_controls_set_apic(&vcpu, APIC_ACCESS_MEMORY);
    assert_int_equal(vmcs_read64(MSR_BITMAP), (uint64_t)msr_bitmap);
}

static void test_an_apic_that_exits_has_nothing_virtualized(void **state)
{
    (void)state;
    vmx_controls_set_apic(&vcpu, APIC_ACCESS_EXITS);
    assert_int_equal(vmcs_read32(SECONDARY_CONTROLS) & SECONDARY_APICV, 0);
    assert_false(vmcs_read32(PIN_BASED_CONTROLS) & PIN_POSTED_INTERRUPTS);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_USE_TPR_SHADOW);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_CR8_EXITING, PRIMARY_CR8_EXITING);
    vmx_controls_set_apic(&vcpu, APIC_ACCESS_MEMORY);
    assert_int_equal(vmcs_read32(PIN_BASED_CONTROLS), capability.pin);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), capability.primary);
}

static void test_windows_outlive_a_change_of_the_apic(void **state)
{
    uint32_t windows = PRIMARY_INTERRUPT_WINDOW_EXITING | PRIMARY_NMI_WINDOW_EXITING;
    static const enum apic_access accesses[] = {APIC_ACCESS_MSR, APIC_ACCESS_EXITS,
                                                APIC_ACCESS_MEMORY};
    (void)state;
    vmx_controls_set_interrupt_window(&vcpu, true);
    vmx_controls_set_nmi_window(&vcpu, true);
    for (unsigned i = 0; i < ARRAY_SIZE(accesses); i++) {
        vmx_controls_set_apic(&vcpu, accesses[i]);
        assert_int_equal(vmcs_read32(PRIMARY_CONTROLS) & windows, windows);
    }
}

static void test_the_apic_outlives_a_change_of_the_windows(void **state)
{
    (void)state;
    vmx_controls_set_apic(&vcpu, APIC_ACCESS_EXITS);
    uint32_t before = vmcs_read32(PRIMARY_CONTROLS);
    vmx_controls_set_interrupt_window(&vcpu, true);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), before | PRIMARY_INTERRUPT_WINDOW_EXITING);
    vmx_controls_set_interrupt_window(&vcpu, false);
    assert_int_equal(vmcs_read32(PRIMARY_CONTROLS), before);
}

static void test_each_window_closes_alone(void **state)
{
    (void)state;
    vmx_controls_set_interrupt_window(&vcpu, true);
    vmx_controls_set_nmi_window(&vcpu, true);
    vmx_controls_set_nmi_window(&vcpu, false);
    assert_true(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_INTERRUPT_WINDOW_EXITING);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_NMI_WINDOW_EXITING);
}

static void test_a_window_that_stays_is_not_written(void **state)
{
    (void)state;
    vmx_controls_set_interrupt_window(&vcpu, true);
    unsigned before = fake_vmcs_writes();
    vmx_controls_set_interrupt_window(&vcpu, true);
    vmx_controls_set_nmi_window(&vcpu, false);
    assert_int_equal(fake_vmcs_writes(), before);
}

// An exit writes EFER.LMA into the control when the guest has changed its mode by CR0.PG.
static void test_long_mode_is_set_whatever_the_exit_left(void **state)
{
    (void)state;
    vmx_controls_set_long_mode(true);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS),
                     ENTRY_CONTROL_LOAD_EFER | ENTRY_CONTROL_IA32E_GUEST);
    vmcs_write32(VM_ENTRY_CONTROLS, ENTRY_CONTROL_LOAD_EFER);
    vmx_controls_set_long_mode(true);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS),
                     ENTRY_CONTROL_LOAD_EFER | ENTRY_CONTROL_IA32E_GUEST);
    vmx_controls_set_long_mode(false);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS), ENTRY_CONTROL_LOAD_EFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_new_vmcs_serves_an_xapic, set_up),
        cmocka_unit_test_setup(test_a_new_vmcs_without_apic_virtualization_has_what_the_cpu_has,
                               set_up),
        cmocka_unit_test_setup(test_a_vcpu_that_is_made_anew_has_no_window, set_up),
        cmocka_unit_test_setup(test_an_x2apic_has_its_own_bitmap_and_no_access_page, set_up),
        cmocka_unit_test_setup(test_an_apic_that_exits_has_nothing_virtualized, set_up),
        cmocka_unit_test_setup(test_windows_outlive_a_change_of_the_apic, set_up),
        cmocka_unit_test_setup(test_the_apic_outlives_a_change_of_the_windows, set_up),
        cmocka_unit_test_setup(test_each_window_closes_alone, set_up),
        cmocka_unit_test_setup(test_a_window_that_stays_is_not_written, set_up),
        cmocka_unit_test_setup(test_long_mode_is_set_whatever_the_exit_left, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
