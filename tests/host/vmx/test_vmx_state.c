// SPDX-License-Identifier: MIT
// Tests of guest registers in the VMCS: each write changes its own register and nothing else.
#include "arch/vmx/vmx_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_inject.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/live_state.h"
#include "arch/x86/msr.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/vmx/fake_vmcs.h"

static const struct vmx_capability capability = {.entry = ENTRY_CONTROL_LOAD_EFER,
                                                 .cr0_fixed0 = CR0_PE | CR0_NE | CR0_PG,
                                                 .cr4_fixed0 = CR4_VMXE};
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend, .cr4_allowed = CR4_PAE | CR4_MCE};
static uint64_t xcr0;

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

uint64_t frames_physical(const void *memory)
{
    return (uint64_t)memory;
}

uint64_t live_state_get_breakpoint(unsigned number)
{
    return 0x100 + number;
}

uint64_t live_state_get_xcr0(void)
{
    return xcr0;
}

void live_state_set_xcr0(uint64_t value)
{
    xcr0 = value;
}

struct cpu *cpu_this(void)
{
    static struct cpu here;
    return &here;
}

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    fail_msg("an interrupt %u was sent to APIC %u", vector, apic_id);
}

static uint64_t fmask;

uint64_t rdmsr(uint32_t msr)
{
    assert_int_equal(msr, IA32_FMASK);
    return fmask;
}

void wrmsr(uint32_t msr, uint64_t value)
{
    assert_int_equal(msr, IA32_FMASK);
    fmask = value;
}

static int set_up(void **state)
{
    (void)state;
    fake_vmcs_clear();
    backend = (struct backend_vcpu){0};
    vcpu.work = 0;
    vmx_write_guest_masks(&vcpu);
    return 0;
}

// All but CR2 and DR6, which are in the CPU, and what is read only.
static const enum guest_register writable[] = {
    REG_RSP,          REG_RIP,         REG_RFLAGS,       REG_CR0,          REG_CR3,
    REG_CR4,          REG_DR7,         REG_EFER,         REG_PAT,          REG_XCR0,
    REG_SYSCALL_MASK, REG_SYSENTER_CS, REG_SYSENTER_ESP, REG_SYSENTER_EIP, REG_PDPTE0,
    REG_PDPTE1,       REG_PDPTE2,      REG_PDPTE3,       REG_TSC_OFFSET,   REG_INTERRUPT_SHADOW,
};

static uint64_t value_for(enum guest_register which)
{
    switch (which) {
    case REG_CR4:
        return CR4_PAE;
    case REG_EFER:
        return EFER_LME | EFER_LMA;
    case REG_RFLAGS:
        return RFLAGS_FIXED | RFLAGS_IF;
    case REG_INTERRUPT_SHADOW:
        return SHADOW_NMI;
    default:
        return 0x1000 + which;
    }
}

static void test_a_register_reads_as_written_and_no_other_changes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(writable); i++) {
        uint64_t before[ARRAY_SIZE(writable)];
        for (unsigned other = 0; other < ARRAY_SIZE(writable); other++) {
            before[other] = vmx_get_register(&vcpu, writable[other]);
        }
        before[i] = value_for(writable[i]);
        vmx_set_register(&vcpu, writable[i], before[i]);
        for (unsigned other = 0; other < ARRAY_SIZE(writable); other++) {
            assert_int_equal(vmx_get_register(&vcpu, writable[other]), before[other]);
        }
    }
}

// KVM around Husk serves other writes itself, and shows the guest more or less than a CPU would
// (SDM Vol. 3A 2.5: ET reads as 1, reserved bits as 0).
static void test_only_writes_of_ts_wp_am_and_pg_alone_stay_in_the_guest(void **state)
{
    (void)state;
    const uint64_t mask = vmcs_read(CR0_GUEST_HOST_MASK);
    assert_int_equal(~mask, CR0_TS | CR0_WP | CR0_AM | CR0_PG);
}

static void test_no_register_but_its_own_forgets_the_event(void **state)
{
    const struct event interrupt = {.type = EVENT_INTERRUPT, .vector = 0x41};
    (void)state;
    assert_true(vmx_inject(&vcpu, &interrupt));
    for (unsigned i = 0; i < ARRAY_SIZE(writable); i++) {
        vmx_set_register(&vcpu, writable[i], value_for(writable[i]));
        assert_int_equal(vmx_get_register(&vcpu, REG_EVENT_WAITING), 1);
    }
    vmx_set_register(&vcpu, REG_EVENT_WAITING, 0);
    assert_int_equal(vmx_get_register(&vcpu, REG_EVENT_WAITING), 0);
    vmcs_write(GUEST_PENDING_DEBUG, DR6_BS);
    assert_int_equal(vmx_get_register(&vcpu, REG_EVENT_WAITING), 1);
    vmx_set_register(&vcpu, REG_EVENT_WAITING, 0);
    assert_int_equal(vmx_get_register(&vcpu, REG_EVENT_WAITING), 0);
}

static void test_the_privilege_level_is_read_only(void **state)
{
    struct segment stack = {.attributes = SEGMENT_PRESENT | 3 << SEGMENT_DPL_SHIFT};
    (void)state;
    vmx_set_segment(&vcpu, SEGMENT_SS, &stack);
    unsigned before = fake_vmcs_writes();
    vmx_set_register(&vcpu, REG_CPL, 0);
    assert_int_equal(fake_vmcs_writes(), before);
    assert_int_equal(vmx_get_register(&vcpu, REG_CPL), 3);
}

static void test_the_guest_sees_the_control_registers_that_it_wrote(void **state)
{
    (void)state;
    vmx_set_register(&vcpu, REG_CR0, CR0_PE | CR0_CD);
    assert_int_equal(vmx_get_register(&vcpu, REG_CR0), CR0_PE | CR0_CD);
    assert_int_equal(vmcs_read(GUEST_CR0), CR0_PE | CR0_NE);
    vmx_set_register(&vcpu, REG_CR4, CR4_PAE);
    assert_int_equal(vmx_get_register(&vcpu, REG_CR4), CR4_PAE);
    assert_int_equal(vmcs_read(GUEST_CR4), CR4_PAE | CR4_VMXE | CR4_MCE);
}

static void test_only_a_change_of_paging_flushes(void **state)
{
    (void)state;
    vmx_set_register(&vcpu, REG_CR0, CR0_TS);
    vmx_set_register(&vcpu, REG_CR4, CR4_MCE);
    assert_false(backend.flush);
    vmx_set_register(&vcpu, REG_CR0, CR0_PE | CR0_PG);
    assert_true(backend.flush);
    assert_true(vcpu.work & WORK_ENTRY);
}

static void test_long_mode_is_in_the_entry_controls(void **state)
{
    (void)state;
    vmx_set_register(&vcpu, REG_EFER, EFER_LME);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS), ENTRY_CONTROL_LOAD_EFER);
    vmx_set_register(&vcpu, REG_EFER, EFER_LME | EFER_LMA);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS),
                     ENTRY_CONTROL_LOAD_EFER | ENTRY_CONTROL_IA32E_GUEST);
    vmx_set_register(&vcpu, REG_EFER, 0);
    assert_int_equal(vmcs_read32(VM_ENTRY_CONTROLS), ENTRY_CONTROL_LOAD_EFER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_register_reads_as_written_and_no_other_changes, set_up),
        cmocka_unit_test_setup(test_only_writes_of_ts_wp_am_and_pg_alone_stay_in_the_guest, set_up),
        cmocka_unit_test_setup(test_no_register_but_its_own_forgets_the_event, set_up),
        cmocka_unit_test_setup(test_the_privilege_level_is_read_only, set_up),
        cmocka_unit_test_setup(test_the_guest_sees_the_control_registers_that_it_wrote, set_up),
        cmocka_unit_test_setup(test_only_a_change_of_paging_flushes, set_up),
        cmocka_unit_test_setup(test_long_mode_is_in_the_entry_controls, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
