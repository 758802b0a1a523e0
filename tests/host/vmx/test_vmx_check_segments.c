// SPDX-License-Identifier: MIT
// Tests of the rules about segments and descriptor tables.
#include "arch/vmx/vmx_check_segments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/x86/registers.h"
#include "tests/host/vmx/rules_fixture.h"
#include "vmm/backend.h"
#include "vmm/util/types.h"

static void a_guest_in_real_mode_is_good(void **state)
{
    (void)state;
    vmcs_write32(VM_ENTRY_CONTROLS, (uint32_t)(ENTRY & ~ENTRY_CONTROL_IA32E_GUEST));
    vmcs_write(GUEST_CR0, CR0_NE);
    vmcs_write(GUEST_CR4, CR4_VMXE);
    vmcs_write64(GUEST_IA32_EFER, 0);
    vmcs_write(GUEST_RIP, 0x7c00);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        rules_set_segment(i, 0x1003, 0x10030, 0xffff, 0x93);
    }
    rules_assert_good();
    vmcs_write_raw(RIGHTS(SEGMENT_SS), 0xf3); // DPL 3
    assert_true(rules_check_all());
    assert_string_equal(found.field, "guest SS");
}

static void a_guest_in_virtual_8086_mode_is_good(void **state)
{
    (void)state;
    vmcs_write32(VM_ENTRY_CONTROLS, (uint32_t)(ENTRY & ~ENTRY_CONTROL_IA32E_GUEST));
    vmcs_write64(GUEST_IA32_EFER, 0);
    vmcs_write(GUEST_RIP, 0x100);
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_VM);
    for (unsigned i = SEGMENT_ES; i <= SEGMENT_GS; i++) {
        rules_set_segment(i, 0x1234, 0x12340, 0xffff, 0xf3);
    }
    rules_assert_good();
    vmcs_write_raw(BASE(SEGMENT_GS), 0x12350);
    assert_true(rules_check_all());
    assert_string_equal(found.rule, "in virtual-8086 mode the base is the selector * 16");
    vmcs_write_raw(BASE(SEGMENT_GS), 0x12340);
    vmcs_write_raw(LIMIT(SEGMENT_CS), 0xfffe);
    assert_true(rules_check_all());
    assert_string_equal(found.rule, "in virtual-8086 mode the limit is ffffH");
    vmcs_write_raw(LIMIT(SEGMENT_CS), 0xffff);
    vmcs_write_raw(RIGHTS(SEGMENT_DS), 0x93);
    assert_true(rules_check_all());
    assert_string_equal(found.rule, "in virtual-8086 mode the access rights are f3H");
}

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void segments_are_checked(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"27.3.1.2", "guest CS", "its type", {{RIGHTS(SEGMENT_CS), 0xa099 & ~1}}},
        {"27.3.1.2", "guest CS", "with type 3", {{RIGHTS(SEGMENT_CS), 0xa0f3}}},
        {"27.3.1.2", "guest CS", "its DPL must be that", {{RIGHTS(SEGMENT_CS), 0xa0fb}}},
        {"27.3.1.2", "guest CS", "its DPL must not be above", {{RIGHTS(SEGMENT_CS), 0xa0ff}}},
        {"27.3.1.2", "guest CS", "in IA-32e mode", {{RIGHTS(SEGMENT_CS), 0xe09b}}},
        {"27.3.1.2", "guest CS", "its base", {{BASE(SEGMENT_CS), BIT(32)}}},
        {"27.3.1.2", "guest CS", "its access rights must have S", {{RIGHTS(SEGMENT_CS), 0xa08b}}},
        {"27.3.1.2", "guest CS", "its access rights must have P", {{RIGHTS(SEGMENT_CS), 0xa01b}}},
        {"27.3.1.2", "guest CS", "reserved", {{RIGHTS(SEGMENT_CS), 0xa19b}}},
        {"27.3.1.2", "guest CS", "G must", {{RIGHTS(SEGMENT_CS), 0x209b}}},
        {"27.3.1.2", "guest CS", "G must", {{LIMIT(SEGMENT_CS), 0xffff0}}},
        {"27.3.1.2", "guest SS", "its type", {{RIGHTS(SEGMENT_SS), 0xc091}}},
        {"27.3.1.2", "guest SS", "its base", {{BASE(SEGMENT_SS), BIT(32)}}},
        {"27.3.1.2", "guest SS", "its access rights must have P", {{RIGHTS(SEGMENT_SS), 0xc013}}},
        {"27.3.1.2", "guest ES", "its type", {{RIGHTS(SEGMENT_ES), 0x92}}},
        {"27.3.1.2", "guest DS", "code must", {{RIGHTS(SEGMENT_DS), 0x99}}},
        {"27.3.1.2",
         "guest DS",
         "its base has",
         {{RIGHTS(SEGMENT_DS), 0x93}, {BASE(SEGMENT_DS), BIT(32)}}},
        {"27.3.1.2", "guest FS", "its base must", {{BASE(SEGMENT_FS), NOT_CANONICAL}}},
        {"27.3.1.2", "guest GS", "its base must", {{BASE(SEGMENT_GS), NOT_CANONICAL}}},
        {"27.3.1.2", "guest TR", "TI", {{SELECTOR(SEGMENT_TR), 4}}},
        {"27.3.1.2", "guest TR", "its base", {{BASE(SEGMENT_TR), NOT_CANONICAL}}},
        {"27.3.1.2", "guest TR", "its type", {{RIGHTS(SEGMENT_TR), 0x89}}},
        {"27.3.1.2", "guest TR", "its type", {{RIGHTS(SEGMENT_TR), 0x83}}},
        {"27.3.1.2", "guest TR", "it must be usable", {{RIGHTS(SEGMENT_TR), 0x1008b}}},
        {"27.3.1.2", "guest TR", "its access rights must not", {{RIGHTS(SEGMENT_TR), 0x9b}}},
        {"27.3.1.2",
         "guest LDTR",
         "TI",
         {{RIGHTS(SEGMENT_LDTR), 0x82}, {SELECTOR(SEGMENT_LDTR), 4}}},
        {"27.3.1.2",
         "guest LDTR",
         "its base",
         {{RIGHTS(SEGMENT_LDTR), 0x82}, {BASE(SEGMENT_LDTR), NOT_CANONICAL}}},
        {"27.3.1.2", "guest LDTR", "its type", {{RIGHTS(SEGMENT_LDTR), 0x83}}},
        {"27.3.1.2", "guest LDTR", "its access rights must have P", {{RIGHTS(SEGMENT_LDTR), 0x02}}},
        {"27.3.1.3", "guest GDTR", "its base", {{BASE(SEGMENT_GDTR), NOT_CANONICAL}}},
        {"27.3.1.3", "guest IDTR", "its base", {{BASE(SEGMENT_IDTR), NOT_CANONICAL}}},
        {"27.3.1.3", "guest GDTR", "its limit", {{LIMIT(SEGMENT_GDTR), 0x10000}}},
        {"27.3.1.3", "guest IDTR", "its limit", {{LIMIT(SEGMENT_IDTR), 0x10000}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

// A CPU without unrestricted guests has more rules.
static void segments_of_restricted_guests_are_checked(void **state)
{
    (void)state;
    const uint32_t secondary = FIELD(SECONDARY_CONTROLS);
    const uint64_t restricted = SECONDARY & ~SECONDARY_UNRESTRICTED_GUEST;
    const struct row rows[] = {
        {"27.3.1.2",
         "guest CS",
         "its type",
         {{secondary, restricted}, {RIGHTS(SEGMENT_CS), 0xa093}}},
        {"27.3.1.2",
         "guest SS",
         "its RPL",
         {{secondary, restricted}, {SELECTOR(SEGMENT_SS), 0x13}}},
        {"27.3.1.2",
         "guest SS",
         "its DPL must be its RPL",
         {{secondary, restricted}, {SELECTOR(SEGMENT_SS), 0x13}, {SELECTOR(SEGMENT_CS), 0xb}}},
        {"27.3.1.2",
         "guest DS",
         "its DPL must not",
         {{secondary, restricted}, {RIGHTS(SEGMENT_DS), 0x93}, {SELECTOR(SEGMENT_DS), 3}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

#define TEST(test) cmocka_unit_test_setup(test, rules_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_guest_in_real_mode_is_good),
        TEST(a_guest_in_virtual_8086_mode_is_good),
        TEST(segments_are_checked),
        TEST(segments_of_restricted_guests_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
