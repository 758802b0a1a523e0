// SPDX-License-Identifier: MIT
// Tests of the rules about injected events.
#include "arch/vmx/vmx_check_event.h"

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

#define INFO "VM-entry interruption information"

static void events_can_be_good(void **state)
{
    (void)state;
    const uint32_t events[] = {EVENT(INTERRUPTION_EXTERNAL, 0x20), EVENT(INTERRUPTION_NMI, 2),
                               EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_UD),
                               EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_GP) |
                                   INTERRUPTION_ERROR_CODE,
                               EVENT(INTERRUPTION_SOFTWARE_INTERRUPT, 0x80)};
    vmcs_write32(VM_ENTRY_INSTRUCTION_LENGTH, 2);
    for (unsigned i = 0; i < ARRAY_SIZE(events); i++) {
        vmcs_write32(VM_ENTRY_INTERRUPTION_INFO, events[i]);
        rules_assert_good();
    }
    vmcs_write32(VM_ENTRY_INTERRUPTION_INFO, 0x7fffffff); // there is none
    rules_assert_good();
    limits.any_error_code = true;
    vmcs_write32(VM_ENTRY_INTERRUPTION_INFO, EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_GP));
    rules_assert_good();
}

static void events_are_checked(void **state)
{
    (void)state;
    const uint32_t info = FIELD(VM_ENTRY_INTERRUPTION_INFO);
    const uint32_t gp = EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_GP);
    const struct row rows[] = {
        {"27.2.1.3", INFO, "type 1", {{info, EVENT(1, 0)}}},
        {"27.2.1.3", INFO, "an NMI", {{info, EVENT(INTERRUPTION_NMI, 3)}}},
        {"27.2.1.3",
         INFO,
         "a hardware exception",
         {{info, EVENT(INTERRUPTION_HARDWARE_EXCEPTION, 32)}}},
        {"27.2.1.3", INFO, "an event of type 7", {{info, EVENT(7, 1)}}},
        {"27.2.1.3", INFO, "this exception must", {{info, gp}}},
        {"27.2.1.3",
         INFO,
         "this event has no",
         {{info, EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_UD) | INTERRUPTION_ERROR_CODE}}},
        {"27.2.1.3",
         INFO,
         "this event has no",
         {{info, EVENT(INTERRUPTION_EXTERNAL, 14) | INTERRUPTION_ERROR_CODE}}},
        {"27.2.1.3", INFO, "bits 30", {{info, EVENT(INTERRUPTION_EXTERNAL, 0x20) | BIT(12)}}},
        {"27.2.1.3",
         "VM-entry exception error code",
         "",
         {{info, gp | INTERRUPTION_ERROR_CODE}, {FIELD(VM_ENTRY_EXCEPTION_ERROR_CODE), 0x10000}}},
        {"27.2.1.3",
         "VM-entry instruction length",
         "",
         {{info, EVENT(INTERRUPTION_SOFTWARE_INTERRUPT, 0x80)}}},
        {"27.2.1.3",
         "VM-entry instruction length",
         "",
         {{info, EVENT(INTERRUPTION_SOFTWARE_EXCEPTION, 3)},
          {FIELD(VM_ENTRY_INSTRUCTION_LENGTH), 16}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

#define TEST(test) cmocka_unit_test_setup(test, rules_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_can_be_good),
        TEST(events_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
