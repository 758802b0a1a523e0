// SPDX-License-Identifier: MIT
// Tests of IA32_FEATURE_CONTROL and VM_CR in all the states that firmware leaves them in.
#include "arch/x86/firmware_switch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct firmware_switch intel = {.technology = "VT-x",
                                             .msr = "IA32_FEATURE_CONTROL",
                                             .setting = "virtualization (VT-x)",
                                             .locked = BIT(0),
                                             .on = BIT(0) | BIT(2)};
static const struct firmware_switch amd = {
    .technology = "AMD-V", .msr = "VM_CR", .setting = "SVM Mode", .locked = BIT(3), .off = BIT(4)};

static struct reason why;

static void assert_wanted(const struct firmware_switch *firmware, uint64_t value, uint64_t expected)
{
    uint64_t wanted = 0;
    assert_int_equal(firmware_switch_settle(firmware, value, &wanted, &why), STATUS_OK);
    assert_int_equal(wanted, expected);
}

static void test_what_is_on_stays(void **state)
{
    (void)state;
    assert_wanted(&intel, 5, 5);
    assert_wanted(&intel, 0x10005, 0x10005);
    assert_wanted(&amd, 0, 0);
    assert_wanted(&amd, BIT(3), BIT(3));
}

// VMXON needs the lock bit too. The other bits belong to the firmware.
static void test_what_is_not_locked_is_set(void **state)
{
    (void)state;
    assert_wanted(&intel, 0, 5);
    assert_wanted(&intel, 4, 5);
    assert_wanted(&intel, 0x20002, 0x20007);
    assert_wanted(&amd, BIT(4) | BIT(1), BIT(1));
}

static void test_what_is_locked_says_what_to_do(void **state)
{
    uint64_t wanted;
    (void)state;
    assert_int_equal(firmware_switch_settle(&intel, 1, &wanted, &why), STATUS_HARDWARE);
    assert_string_equal(why.text, "VT-x is switched off and locked by the firmware "
                                  "(IA32_FEATURE_CONTROL = 0x1): enable virtualization (VT-x) in "
                                  "the BIOS/UEFI setup");
    // Allowed only within SMX.
    assert_int_equal(firmware_switch_settle(&intel, 3, &wanted, &why), STATUS_HARDWARE);
    assert_int_equal(firmware_switch_settle(&amd, BIT(3) | BIT(4), &wanted, &why), STATUS_HARDWARE);
    assert_string_equal(why.text, "AMD-V is switched off and locked by the firmware (VM_CR = "
                                  "0x18): enable SVM Mode in the BIOS/UEFI setup");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_on_stays),
        cmocka_unit_test(test_what_is_not_locked_is_set),
        cmocka_unit_test(test_what_is_locked_says_what_to_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
