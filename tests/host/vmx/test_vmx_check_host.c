// SPDX-License-Identifier: MIT
// Tests of the rules about the host state.
#include "arch/vmx/vmx_check_host.h"

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

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void the_host_is_checked(void **state)
{
    (void)state;
    const struct row rows[] = {
        {"27.2.2", "host CR0", "VMX demands", {{FIELD(HOST_CR0), CR0_PE | CR0_PG}}},
        {"27.2.2",
         "host CR0",
         "VMX does not",
         {{FIELD(HOST_CR0), CR0_PE | CR0_PG | CR0_NE | BIT(40)}}},
        {"27.2.2", "host CR4", "VMX demands", {{FIELD(HOST_CR4), CR4_PAE}}},
        {"27.2.2", "host CR4", "VMX does not", {{FIELD(HOST_CR4), CR4_PAE | CR4_VMXE | BIT(30)}}},
        {"27.2.2", "host CR3", "", {{FIELD(HOST_CR3), TOO_HIGH}}},
        {"27.2.2", "host SYSENTER_ESP", "", {{FIELD(HOST_SYSENTER_ESP), NOT_CANONICAL}}},
        {"27.2.2", "host SYSENTER_EIP", "", {{FIELD(HOST_SYSENTER_EIP), NOT_CANONICAL}}},
        {"27.2.2", "host PAT", "", {{FIELD(HOST_IA32_PAT), BAD_PAT}}},
        {"27.2.2",
         "host EFER",
         "its reserved",
         {{FIELD(HOST_IA32_EFER), EFER_LME | EFER_LMA | BIT(1)}}},
        {"27.2.2", "host EFER", "LMA", {{FIELD(HOST_IA32_EFER), EFER_LME}}},
        {"27.2.2", "host EFER", "LME", {{FIELD(HOST_IA32_EFER), EFER_LMA}}},
        {"27.2.3", "host ES", "RPL", {{FIELD(HOST_ES_SELECTOR), 3}}},
        {"27.2.3", "host CS", "RPL", {{FIELD(HOST_CS_SELECTOR), 9}}},
        {"27.2.3", "host SS", "RPL", {{FIELD(HOST_SS_SELECTOR), 4}}},
        {"27.2.3", "host DS", "RPL", {{FIELD(HOST_DS_SELECTOR), 1}}},
        {"27.2.3", "host FS", "RPL", {{FIELD(HOST_FS_SELECTOR), 1}}},
        {"27.2.3", "host GS", "RPL", {{FIELD(HOST_GS_SELECTOR), 1}}},
        {"27.2.3", "host TR", "RPL", {{FIELD(HOST_TR_SELECTOR), 0x2c}}},
        {"27.2.3", "host CS", "it must not be 0", {{FIELD(HOST_CS_SELECTOR), 0}}},
        {"27.2.3", "host TR", "it must not be 0", {{FIELD(HOST_TR_SELECTOR), 0}}},
        {"27.2.3", "host FS base", "", {{FIELD(HOST_FS_BASE), NOT_CANONICAL}}},
        {"27.2.3", "host GS base", "", {{FIELD(HOST_GS_BASE), NOT_CANONICAL}}},
        {"27.2.3", "host TR base", "", {{FIELD(HOST_TR_BASE), NOT_CANONICAL}}},
        {"27.2.3", "host GDTR base", "", {{FIELD(HOST_GDTR_BASE), NOT_CANONICAL}}},
        {"27.2.3", "host IDTR base", "", {{FIELD(HOST_IDTR_BASE), NOT_CANONICAL}}},
        {"27.2.4", "host CR4", "a 64-bit host", {{FIELD(HOST_CR4), CR4_VMXE}}},
        {"27.2.4", "host RIP", "", {{FIELD(HOST_RIP), NOT_CANONICAL}}},
        {"27.2.3", "host SS", "it must not be 0 for", {{FIELD(VM_EXIT_CONTROLS), 0}}},
        {"27.2.4",
         "VM-exit controls",
         "the host address-space",
         {{FIELD(VM_EXIT_CONTROLS), 0}, {FIELD(HOST_SS_SELECTOR), 0x10}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

#define TEST(test) cmocka_unit_test_setup(test, rules_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_host_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
