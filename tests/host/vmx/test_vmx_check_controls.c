// SPDX-License-Identifier: MIT
// Tests of the rules about control fields.
#include "arch/vmx/vmx_check_controls.h"

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

static void control_words_are_checked(void **state)
{
    (void)state;
    uint64_t *const words[] = {&limits.pin, &limits.primary, &limits.secondary, &limits.exit,
                               &limits.entry};
    static const char *const names[] = {"pin-based controls", "primary controls",
                                        "secondary controls", "VM-exit controls",
                                        "VM-entry controls"};
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        *words[i] = 0x00010000ULL | ALLOW_ALL; // one more must be 1
        assert_true(rules_check_all());
        assert_string_equal(found.field, names[i]);
        *words[i] = 0; // nothing is allowed
        assert_true(rules_check_all());
        assert_string_equal(found.field, names[i]);
        *words[i] = ALLOW_ALL;
    }
    rules_assert_good();
}

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void controls_are_checked(void **state)
{
    (void)state;
    const uint64_t no_nmi = PIN & ~PIN_NMI_EXITING;
    const uint64_t no_virtual = PIN & ~PIN_VIRTUAL_NMIS;
    const struct row rows[] = {
        {"27.2.1.1", "pin-based controls", "virtual NMIs", {{FIELD(PIN_BASED_CONTROLS), no_nmi}}},
        {"27.2.1.1",
         "primary controls",
         "NMI-window exiting",
         {{FIELD(PIN_BASED_CONTROLS), no_virtual},
          {FIELD(PRIMARY_CONTROLS), PRIMARY | PRIMARY_NMI_WINDOW_EXITING}}},
        {"27.2.1.1",
         "secondary controls",
         "APIC virtualization",
         {{FIELD(PRIMARY_CONTROLS), PRIMARY & ~PRIMARY_USE_TPR_SHADOW},
          {FIELD(SECONDARY_CONTROLS), SECONDARY | SECONDARY_APIC_REGISTERS}}},
        {"27.2.1.1",
         "secondary controls",
         "x2APIC mode",
         {{FIELD(SECONDARY_CONTROLS), SECONDARY | SECONDARY_X2APIC_MODE}}},
        {"27.2.1.1",
         "pin-based controls",
         "virtual-interrupt delivery",
         {{FIELD(SECONDARY_CONTROLS), SECONDARY | SECONDARY_INTERRUPT_DELIVERY},
          {FIELD(PIN_BASED_CONTROLS), PIN & ~PIN_EXTERNAL_INTERRUPT_EXITING}}},
        {"27.2.1.1",
         "pin-based controls",
         "posted interrupts need virtual",
         {{FIELD(PIN_BASED_CONTROLS), PIN | PIN_POSTED_INTERRUPTS}}},
        {"27.2.1.1",
         "VM-exit controls",
         "posted interrupts need acknowledging",
         {{FIELD(PIN_BASED_CONTROLS), PIN | PIN_POSTED_INTERRUPTS},
          {FIELD(SECONDARY_CONTROLS), SECONDARY | SECONDARY_INTERRUPT_DELIVERY}}},
        {"27.2.1.1",
         "secondary controls",
         "an unrestricted guest",
         {{FIELD(SECONDARY_CONTROLS), SECONDARY & ~SECONDARY_ENABLE_EPT}}},
        {"27.2.1.2",
         "VM-exit controls",
         "saving the preemption timer",
         {{FIELD(VM_EXIT_CONTROLS), EXIT | EXIT_CONTROL_SAVE_PREEMPTION_TIMER}}},
        {"27.2.1.3",
         "VM-entry controls",
         "the controls of SMM",
         {{FIELD(VM_ENTRY_CONTROLS), ENTRY | BIT(10)}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void addresses_of_controls_are_checked(void **state)
{
    (void)state;
    const uint64_t posting = PIN | PIN_POSTED_INTERRUPTS;
    const uint64_t delivering = SECONDARY | SECONDARY_INTERRUPT_DELIVERY;
    const uint64_t acknowledging = EXIT | EXIT_CONTROL_ACKNOWLEDGE_INTERRUPT;
    const struct row rows[] = {
        {"27.2.1.1", "CR3-target count", "", {{FIELD(CR3_TARGET_COUNT), 5}}},
        {"27.2.1.1", "I/O bitmap A", "", {{FIELD(IO_BITMAP_A), 0x1001}}},
        {"27.2.1.1", "I/O bitmap B", "", {{FIELD(IO_BITMAP_B), TOO_HIGH}}},
        {"27.2.1.1", "MSR bitmap", "", {{FIELD(MSR_BITMAP), 0x800}}},
        {"27.2.1.1", "virtual-APIC address", "", {{FIELD(VIRTUAL_APIC_ADDRESS), 0x10}}},
        {"27.2.1.1", "TPR threshold", "", {{FIELD(TPR_THRESHOLD), 0x10}}},
        {"27.2.1.1", "APIC-access address", "", {{FIELD(APIC_ACCESS_ADDRESS), TOO_HIGH}}},
        {"27.2.1.1", "EPT pointer", "bits 2 to 0", {{FIELD(EPT_POINTER), 0x5000 | 3 << 3 | 5}}},
        {"27.2.1.1", "EPT pointer", "bits 5 to 3", {{FIELD(EPT_POINTER), 0x5000 | 2 << 3 | 6}}},
        {"27.2.1.1", "EPT pointer", "bit 6", {{FIELD(EPT_POINTER), 0x5000 | BIT(6) | 3 << 3 | 6}}},
        {"27.2.1.1",
         "EPT pointer",
         "its reserved",
         {{FIELD(EPT_POINTER), 0x5000 | BIT(11) | 3 << 3 | 6}}},
        {"27.2.1.2",
         "VM-exit MSR-store address",
         "",
         {{FIELD(VM_EXIT_MSR_STORE_COUNT), 1}, {FIELD(VM_EXIT_MSR_STORE_ADDRESS), 8}}},
        {"27.2.1.2",
         "VM-exit MSR-load address",
         "",
         {{FIELD(VM_EXIT_MSR_LOAD_COUNT), 1}, {FIELD(VM_EXIT_MSR_LOAD_ADDRESS), TOO_HIGH}}},
        {"27.2.1.3",
         "VM-entry MSR-load address",
         "",
         {{FIELD(VM_ENTRY_MSR_LOAD_COUNT), 1}, {FIELD(VM_ENTRY_MSR_LOAD_ADDRESS), 1}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
    rules_set_up(state);
    vmcs_write_raw(FIELD(PIN_BASED_CONTROLS), posting);
    vmcs_write_raw(FIELD(SECONDARY_CONTROLS), delivering);
    vmcs_write_raw(FIELD(VM_EXIT_CONTROLS), acknowledging);
    rules_assert_good();
    vmcs_write16(VPID, 0);
    assert_true(rules_check_all());
    assert_string_equal(found.field, "VPID");
    vmcs_write16(VPID, 1);
    vmcs_write16(POSTED_NOTIFICATION_VECTOR, 0x100);
    assert_true(rules_check_all());
    assert_string_equal(found.field, "posted-interrupt vector");
    vmcs_write16(POSTED_NOTIFICATION_VECTOR, 0xff);
    vmcs_write64(POSTED_DESCRIPTOR_ADDRESS, 32);
    assert_true(rules_check_all());
    assert_string_equal(found.field, "posted-interrupt descriptor");
}

#define TEST(test) cmocka_unit_test_setup(test, rules_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(control_words_are_checked),
        TEST(controls_are_checked),
        TEST(addresses_of_controls_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
