// SPDX-License-Identifier: MIT
// Tests of the rules about guest registers and what is in none.
#include "arch/vmx/vmx_check_guest.h"

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

static void a_64_bit_guest_is_good(void **state)
{
    (void)state;
    rules_assert_good();
}

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void guest_registers_are_checked(void **state)
{
    (void)state;
    const uint64_t plain = ENTRY & ~ENTRY_CONTROL_IA32E_GUEST;
    const struct row rows[] = {
        {"27.3.1.1", "guest CR0", "VMX demands", {{FIELD(GUEST_CR0), CR0_PE | CR0_PG}}},
        {"27.3.1.1",
         "guest CR0",
         "VMX does not",
         {{FIELD(GUEST_CR0), CR0_PE | CR0_PG | CR0_NE | BIT(40)}}},
        {"27.3.1.1", "guest CR0", "PG needs PE", {{FIELD(GUEST_CR0), CR0_NE | CR0_PG}}},
        {"27.3.1.1", "guest CR4", "VMX demands", {{FIELD(GUEST_CR4), CR4_PAE}}},
        {"27.3.1.1",
         "guest CR4",
         "VMX does not",
         {{FIELD(GUEST_CR4), CR4_PAE | CR4_VMXE | BIT(30)}}},
        {"27.3.1.1", "guest CR0", "IA-32e mode", {{FIELD(GUEST_CR0), CR0_NE | CR0_PE}}},
        {"27.3.1.1", "guest CR4", "IA-32e mode", {{FIELD(GUEST_CR4), CR4_VMXE}}},
        {"27.3.1.1",
         "guest CR4",
         "PCIDE",
         {{FIELD(VM_ENTRY_CONTROLS), plain}, {FIELD(GUEST_CR4), CR4_VMXE | CR4_PCIDE}}},
        {"27.3.1.1", "guest CR3", "", {{FIELD(GUEST_CR3), TOO_HIGH}}},
        {"27.3.1.1", "guest DEBUGCTL", "", {{FIELD(GUEST_IA32_DEBUGCTL), BIT(3)}}},
        {"27.3.1.1", "guest DR7", "", {{FIELD(GUEST_DR7), BIT(32)}}},
        {"27.3.1.1", "guest SYSENTER_ESP", "", {{FIELD(GUEST_SYSENTER_ESP), NOT_CANONICAL}}},
        {"27.3.1.1", "guest SYSENTER_EIP", "", {{FIELD(GUEST_SYSENTER_EIP), NOT_CANONICAL}}},
        {"27.3.1.1", "guest PAT", "", {{FIELD(GUEST_IA32_PAT), BAD_PAT}}},
        {"27.3.1.1",
         "guest EFER",
         "its reserved",
         {{FIELD(GUEST_IA32_EFER), EFER_LME | EFER_LMA | BIT(9)}}},
        {"27.3.1.1", "guest EFER", "LMA must", {{FIELD(GUEST_IA32_EFER), EFER_LME}}},
        {"27.3.1.1", "guest EFER", "with paging", {{FIELD(GUEST_IA32_EFER), EFER_LMA}}},
        {"27.3.1.4", "guest RIP", "the bits above", {{FIELD(GUEST_RIP), 0x0001000000000000}}},
        {"27.3.1.4",
         "guest RIP",
         "outside 64-bit",
         {{FIELD(GUEST_RIP), BIT(32)}, {RIGHTS(SEGMENT_CS), 0xc09b}}},
        {"27.3.1.4", "guest RFLAGS", "its", {{FIELD(GUEST_RFLAGS), RFLAGS_FIXED | BIT(15)}}},
        {"27.3.1.4", "guest RFLAGS", "its", {{FIELD(GUEST_RFLAGS), RFLAGS_FIXED | BIT(22)}}},
        {"27.3.1.4", "guest RFLAGS", "bit 1", {{FIELD(GUEST_RFLAGS), RFLAGS_IF}}},
        {"27.3.1.4", "guest RFLAGS", "VM", {{FIELD(GUEST_RFLAGS), RFLAGS_FIXED | RFLAGS_VM}}},
        {"27.3.1.4",
         "guest RFLAGS",
         "an injected interrupt",
         {{FIELD(GUEST_RFLAGS), RFLAGS_FIXED},
          {FIELD(VM_ENTRY_INTERRUPTION_INFO), EVENT(INTERRUPTION_EXTERNAL, 0x20)}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
}

// NOLINTNEXTLINE(readability-function-size): a row for each rule
static void what_is_in_no_register_is_checked(void **state)
{
    (void)state;
    const uint32_t info = FIELD(VM_ENTRY_INTERRUPTION_INFO);
    const uint32_t activity = FIELD(GUEST_ACTIVITY_STATE);
    const uint32_t blocking = FIELD(GUEST_INTERRUPTIBILITY);
    const uint32_t pending = FIELD(GUEST_PENDING_DEBUG);
    const uint32_t interrupt = EVENT(INTERRUPTION_EXTERNAL, 0x20);
    const uint32_t nmi = EVENT(INTERRUPTION_NMI, 2);
    const uint64_t stepping = RFLAGS_FIXED | RFLAGS_IF | RFLAGS_TF;
    const struct row rows[] = {
        {"27.3.1.5", "activity state", "the CPU", {{activity, 4}}},
        {"27.3.1.5", "activity state", "HLT", {{activity, 1}, {RIGHTS(SEGMENT_SS), 0xc0f3}}},
        {"27.3.1.5", "activity state", "after STI", {{activity, 1}, {blocking, 2}}},
        {"27.3.1.5", "activity state", "it must not block", {{activity, 2}, {info, interrupt}}},
        {"27.3.1.5", "activity state", "it must not block", {{activity, 3}, {info, nmi}}},
        {"27.3.1.5",
         "activity state",
         "it must not block",
         {{activity, 1}, {info, EVENT(INTERRUPTION_HARDWARE_EXCEPTION, VECTOR_UD)}}},
        {"27.3.1.5", "interruptibility", "bits 31", {{blocking, 0x20}}},
        {"27.3.1.5", "interruptibility", "it must not be after", {{blocking, 3}}},
        {"27.3.1.5",
         "interruptibility",
         "after STI, IF",
         {{blocking, 1}, {FIELD(GUEST_RFLAGS), RFLAGS_FIXED}}},
        {"27.3.1.5",
         "interruptibility",
         "it must not block the injected interrupt",
         {{blocking, 1}, {info, interrupt}}},
        {"27.3.1.5", "interruptibility", "MOV SS", {{blocking, 2}, {info, nmi}}},
        {"27.3.1.5",
         "interruptibility",
         "it must not block the injected NMI",
         {{blocking, 8}, {info, nmi}}},
        {"27.3.1.5", "interruptibility", "SMIs", {{blocking, 4}}},
        {"27.3.1.5", "pending debug exceptions", "its reserved", {{pending, BIT(4)}}},
        {"27.3.1.5", "pending debug exceptions", "its reserved", {{pending, BIT(63)}}},
        {"27.3.1.5",
         "pending debug exceptions",
         "after STI, MOV SS or in HLT a",
         {{blocking, 1}, {FIELD(GUEST_RFLAGS), stepping}}},
        {"27.3.1.5",
         "pending debug exceptions",
         "after STI, MOV SS or in HLT BS",
         {{blocking, 2}, {pending, BIT(14)}}},
        {"27.3.1.5", "VMCS link pointer", "", {{FIELD(VMCS_LINK_POINTER), 0x1800}}},
    };
    rules_assert_rows(rows, ARRAY_SIZE(rows));
    rules_set_up(state);
    vmcs_write_raw(blocking, 1);
    vmcs_write_raw(FIELD(GUEST_RFLAGS), stepping);
    vmcs_write_raw(pending, BIT(14));
    rules_assert_good();
}

static void pdptes_are_checked(void **state)
{
    (void)state;
    vmcs_write32(VM_ENTRY_CONTROLS, (uint32_t)(ENTRY & ~ENTRY_CONTROL_IA32E_GUEST));
    vmcs_write64(GUEST_IA32_EFER, 0);
    vmcs_write(GUEST_RIP, 0x1000);
    vmcs_write_raw(RIGHTS(SEGMENT_CS), 0xc09b);
    vmcs_write64(GUEST_PDPTE0, 0x2001);
    rules_assert_good();
    vmcs_write64(VMCS64(GUEST_PDPTE0.encoding + 4), 0x2003);
    assert_true(rules_check_all());
    assert_string_equal(found.field, "PDPTE2");
    assert_string_equal(found.section, "27.3.1.6");
}

#define TEST(test) cmocka_unit_test_setup(test, rules_set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_64_bit_guest_is_good),
        TEST(guest_registers_are_checked),
        TEST(what_is_in_no_register_is_checked),
        TEST(pdptes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
