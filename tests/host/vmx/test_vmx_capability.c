// SPDX-License-Identifier: MIT
// Tests of the rules about capabilities: which need each other, and what CPUs have in common.
#include "arch/vmx/vmx_capability.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct reason why;

static struct vmx_capability full(void)
{
    return (struct vmx_capability){
        .revision = 4,
        .pin = 0x16 | PIN_EXTERNAL_INTERRUPT_EXITING | PIN_NMI_EXITING | PIN_OPTIONAL,
        .primary = PRIMARY_HLT_EXITING | PRIMARY_USE_TPR_SHADOW | PRIMARY_ACTIVATE_SECONDARY,
        .secondary = SECONDARY_ENABLE_EPT | SECONDARY_UNRESTRICTED_GUEST | SECONDARY_OPTIONAL,
        .exit = EXIT_CONTROL_HOST_64BIT | EXIT_CONTROL_OPTIONAL,
        .entry = ENTRY_CONTROL_LOAD_EFER,
        .ept_vpid = EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_INVEPT | EPT_CAP_2M | EPT_CAP_1G |
                    EPT_CAP_ACCESSED_DIRTY | EPT_CAP_INVEPT_SINGLE | EPT_CAP_INVEPT_ALL |
                    VPID_CAP_INVVPID | VPID_CAP_INVVPID_SINGLE | VPID_CAP_INVVPID_ALL,
        .cr0_fixed0 = 0x80000021,
        .cr0_fixed1 = UINT32_MAX,
        .cr4_fixed0 = 0x2000,
        .cr4_fixed1 = 0x3727ff,
        .page_size_change_safe = true,
        .preemption_timer_shift = 5};
}

// The last members are compared by themselves, because there is padding between them.
static void assert_equal(const struct vmx_capability *a, const struct vmx_capability *b)
{
    assert_memory_equal(a, b, offsetof(struct vmx_capability, page_size_change_safe));
    assert_int_equal(a->page_size_change_safe, b->page_size_change_safe);
    assert_int_equal(a->preemption_timer_shift, b->preemption_timer_shift);
}

static void test_equal_cpus_keep_all(void **state)
{
    struct vmx_capability common = full(), own = full();
    (void)state;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_equal(&common, &own);
}

static void test_optional_features_are_narrowed(void **state)
{
    struct vmx_capability common = full(), own = full();
    (void)state;
    own.ept_vpid &= ~(uint64_t)EPT_CAP_1G;
    own.secondary &= ~(uint32_t)SECONDARY_ENABLE_INVPCID;
    own.page_size_change_safe = false;
    own.cr4_fixed1 = 0x2727ff;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_false(common.ept_vpid & EPT_CAP_1G);
    assert_true(common.ept_vpid & EPT_CAP_2M);
    assert_false(common.secondary & SECONDARY_ENABLE_INVPCID);
    assert_true(common.secondary & SECONDARY_ENABLE_RDTSCP);
    assert_false(common.page_size_change_safe);
    assert_int_equal(common.cr4_fixed1, 0x2727ff);
}

// A VMCS does not hold the timer's rate, so timers of different rates cannot be used.
static void test_timers_of_two_rates_are_left_alone(void **state)
{
    struct vmx_capability common = full(), own = full();
    (void)state;
    own.preemption_timer_shift = 7;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_false(common.pin & PIN_PREEMPTION_TIMER);
    assert_false(common.exit & EXIT_CONTROL_SAVE_PREEMPTION_TIMER);
    assert_true(common.pin & PIN_VIRTUAL_NMIS);
}

// APIC virtualization is used as a whole. Without it CR8 has to exit.
static void test_apic_virtualization_is_all_or_nothing(void **state)
{
    struct vmx_capability common = full(), own = full();
    (void)state;
    assert_false(common.primary & PRIMARY_CR8_EXITING);
    own.secondary &= ~(uint32_t)SECONDARY_INTERRUPT_DELIVERY;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_int_equal(common.secondary & SECONDARY_APICV, 0);
    assert_false(common.primary & PRIMARY_USE_TPR_SHADOW);
    assert_int_equal(common.primary & PRIMARY_CR8_EXITING, PRIMARY_CR8_EXITING);
    common = full();
    own = full();
    own.primary &= ~(uint32_t)PRIMARY_USE_TPR_SHADOW;
    assert_int_equal(vmx_capability_settle(&own, &why), STATUS_OK);
    assert_int_equal(own.secondary & SECONDARY_APICV, 0);
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_equal(&common, &own);
}

static void test_posted_interrupts_need_delivery_and_acknowledgement(void **state)
{
    struct vmx_capability own = full();
    (void)state;
    assert_int_equal(vmx_capability_settle(&own, &why), STATUS_OK);
    assert_true(own.pin & PIN_POSTED_INTERRUPTS);
    own.secondary &= ~(uint32_t)SECONDARY_INTERRUPT_DELIVERY;
    assert_int_equal(vmx_capability_settle(&own, &why), STATUS_OK);
    assert_false(own.pin & PIN_POSTED_INTERRUPTS);
    own = full();
    own.exit &= ~(uint32_t)EXIT_CONTROL_ACKNOWLEDGE_INTERRUPT;
    assert_int_equal(vmx_capability_settle(&own, &why), STATUS_OK);
    assert_false(own.pin & PIN_POSTED_INTERRUPTS);
    assert_true(own.secondary & SECONDARY_INTERRUPT_DELIVERY);
}

static void assert_left_out(const struct vmx_capability *own, const char *text)
{
    struct vmx_capability common = full(), before = full();
    assert_int_equal(vmx_capability_narrow(&common, own, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, text);
    assert_equal(&common, &before);
}

static void test_what_cannot_be_shared_is_left_out(void **state)
{
    struct vmx_capability own = full();
    (void)state;
    own.revision = 5;
    assert_left_out(&own, "its VMCS revision is 0x5, the first CPU's 0x4");
    own = full();
    own.entry |= BIT(9);
    assert_left_out(&own, "its VT-x insists on other controls than the first CPU's");
    own = full();
    own.primary |= BIT(1);
    assert_left_out(&own, "its VT-x insists on other controls than the first CPU's");
}

// If one CPU has only one type of INVVPID and the other CPU only the other type, VPIDs are off.
static void test_what_is_left_must_be_of_use(void **state)
{
    struct vmx_capability common = full(), own = full();
    (void)state;
    common.ept_vpid &= ~(uint64_t)VPID_CAP_INVVPID_ALL;
    own.ept_vpid &= ~(uint64_t)VPID_CAP_INVVPID_SINGLE;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_OK);
    assert_false(common.secondary & SECONDARY_ENABLE_VPID);
    common = full();
    own = full();
    common.ept_vpid &= ~(uint64_t)EPT_CAP_INVEPT_ALL;
    own.ept_vpid &= ~(uint64_t)EPT_CAP_INVEPT_SINGLE;
    assert_int_equal(vmx_capability_narrow(&common, &own, &why), STATUS_UNSUPPORTED);
    assert_true(common.ept_vpid & EPT_CAP_INVEPT_SINGLE);
}

static void test_refusals_name_what_is_missing(void **state)
{
    struct vmx_capability c = full();
    (void)state;
    c.ept_vpid &= ~(uint64_t)EPT_CAP_WALK_4;
    assert_int_equal(vmx_capability_settle(&c, &why), STATUS_UNSUPPORTED);
    assert_non_null(strstr(why.text, "EPT lacks 4-level walks"));
    c = full();
    c.primary |= (uint32_t)PRIMARY_CR3_LOAD_EXITING;
    assert_int_equal(vmx_capability_settle(&c, &why), STATUS_UNSUPPORTED);
    assert_string_equal(why.text, "this VT-x forces exits on CR3 accesses; no guests");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_cpus_keep_all),
        cmocka_unit_test(test_optional_features_are_narrowed),
        cmocka_unit_test(test_timers_of_two_rates_are_left_alone),
        cmocka_unit_test(test_apic_virtualization_is_all_or_nothing),
        cmocka_unit_test(test_posted_interrupts_need_delivery_and_acknowledgement),
        cmocka_unit_test(test_what_cannot_be_shared_is_left_out),
        cmocka_unit_test(test_what_is_left_must_be_of_use),
        cmocka_unit_test(test_refusals_name_what_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
