// SPDX-License-Identifier: MIT
// Tests of VM exits: what an exit leaves for the next entry.
#include "arch/vmx/vmx_exit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/vmx/ept.h"
#include "arch/vmx/vmcs.h"
#include "arch/vmx/vmcs_bits.h"
#include "arch/vmx/vmx.h"
#include "arch/vmx/vmx_apic.h"
#include "arch/vmx/vmx_capability.h"
#include "arch/vmx/vmx_capability_shared.h"
#include "arch/vmx/vmx_state.h"
#include "arch/x86/apic.h"
#include "arch/x86/cpu.h"
#include "arch/x86/frames.h"
#include "arch/x86/interrupts.h"
#include "arch/x86/live_state.h"
#include "arch/x86/machine_check.h"
#include "arch/x86/msr.h"
#include "arch/x86/registers.h"
#include "arch/x86/time.h"
#include "tests/host/vmx/fake_vmcs.h"
#include "vmm/host.h"

static struct vmx_capability capability;
static struct backend_vcpu backend;
static struct vcpu_core vcpu = {.backend = &backend};
static struct vm_exit last_exit;
static enum exit_action action;

const struct vmx_capability *vmx_capability(void)
{
    return &capability;
}

enum exit_action vcpu_handle_exit(struct vcpu_core *core, struct vm_exit *exit)
{
    assert_ptr_equal(core, &vcpu);
    last_exit = *exit;
    return action;
}

static bool guest_can_go_on;
static unsigned machine_checks;

bool machine_check_in_guest(void)
{
    machine_checks++;
    return guest_can_go_on;
}

static struct cpu cpu;

struct cpu *cpu_this(void)
{
    return &cpu;
}

static bool goes_on;
static uint64_t timer_ns; // what the CPU's timer was set to
static uint64_t run_end_ns;

bool vcpu_goes_on(struct vcpu_core *core)
{
    core->deadline_ns = 5000;
    core->run_end_ns = run_end_ns;
    return goes_on;
}

uint64_t time_ticks_until(uint64_t ns)
{
    return 4 * (ns - 2000);
}

void time_set_deadline(uint64_t ns)
{
    timer_ns = ns;
}

uint64_t time_set_late_deadline(uint64_t ns)
{
    timer_ns = ns + HOST_LATE_NS;
    return time_ticks_until(ns);
}

// ---- What these exits do not reach ----

uint64_t rdmsr(uint32_t msr)
{
    fail_msg("MSR 0x%x was read", msr);
    return 0;
}

void wrmsr(uint32_t msr, uint64_t value)
{
    fail_msg("0x%llx was written to MSR 0x%x", (unsigned long long)value, msr);
}

void apic_send_fixed(uint32_t apic_id, uint8_t vector)
{
    fail_msg("an interrupt %u was sent to APIC %u", vector, apic_id);
}

void vcpu_handle_events(struct vcpu_core *core)
{
    (void)core;
    fail();
}

void interrupt_call(uint8_t vector)
{
    (void)vector;
    fail();
}

bool ept_allow_execute(struct nested_space *space, gpa_t gpa)
{
    (void)space, (void)gpa;
    fail();
    return false;
}

void vmx_decode_apic_access(struct vm_exit *exit)
{
    (void)exit;
    fail();
}

uint64_t frames_physical(const void *memory)
{
    (void)memory;
    fail();
    return 0;
}

uint64_t live_state_get_breakpoint(unsigned number)
{
    (void)number;
    fail();
    return 0;
}

uint64_t live_state_get_xcr0(void)
{
    fail();
    return 0;
}

void live_state_set_xcr0(uint64_t value)
{
    (void)value;
    fail();
}

// ---- Tests ----

static int set_up(void **state)
{
    (void)state;
    fake_vmcs_clear();
    capability = (struct vmx_capability){.pin = PIN_VIRTUAL_NMIS};
    backend = (struct backend_vcpu){0};
    action = RETRY;
    machine_checks = 0;
    guest_can_go_on = true;
    last_exit.kind = EXIT_KINDS;
    vcpu.work = 0;
    vmcs_write(GUEST_RIP, 0x1000);
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED);
    return 0;
}

static void execute_cpuid(void)
{
    action = ADVANCE;
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_CPUID);
    vmcs_write32(VM_EXIT_INSTRUCTION_LENGTH, 2);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_CPUID);
}

static void test_an_instruction_ends_the_shadow_but_not_the_blocking_of_nmis(void **state)
{
    (void)state;
    vmcs_write32(GUEST_INTERRUPTIBILITY, SHADOW_STI | SHADOW_NMI);
    execute_cpuid();
    assert_int_equal(vmcs_read(GUEST_RIP), 0x1002);
    assert_int_equal(vmcs_read32(GUEST_INTERRUPTIBILITY), SHADOW_NMI);
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), 0);
}

static void test_a_single_step_traps_behind_the_instruction(void **state)
{
    (void)state;
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF | RFLAGS_RF);
    execute_cpuid();
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), DR6_BS);
    assert_int_equal(vmcs_read(GUEST_RFLAGS), RFLAGS_FIXED | RFLAGS_TF);
}

// A processor that gets INIT starts without what was pending before.
static void test_a_trap_is_forgotten_with_the_event(void **state)
{
    (void)state;
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
    execute_cpuid();
    vmx_set_register(&vcpu, REG_EVENT_WAITING, 0);
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), 0);
}

static void test_a_breakpoint_traps_behind_the_instruction(void **state)
{
    (void)state;
    vmcs_write(GUEST_RFLAGS, RFLAGS_FIXED | RFLAGS_TF);
    vmx_set_register(&vcpu, REG_TRAP, 2);
    execute_cpuid();
    assert_int_equal(vmcs_read(GUEST_PENDING_DEBUG), DR6_BS | BIT(12) | 2);
    assert_int_equal(vmx_get_register(&vcpu, REG_EVENT_WAITING), 1);
}

static void test_an_access_to_a_debug_register_exits_once(void **state)
{
    (void)state;
    vmx_set_register(&vcpu, REG_DEBUG_EXIT, 1);
    assert_true(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_MOV_DR_EXITING);
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_MOV_DR);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_DEBUG_REGISTER);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_MOV_DR_EXITING);
}

static void test_an_nmi_window_is_for_one_exit(void **state)
{
    (void)state;
    backend.controls.nmi_window = true;
    vmcs_write32(PRIMARY_CONTROLS, PRIMARY_NMI_WINDOW_EXITING);
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_NMI_WINDOW);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_INTERRUPT_WINDOW);
    assert_false(vmcs_read32(PRIMARY_CONTROLS) & PRIMARY_NMI_WINDOW_EXITING);
}

#define QUALIFICATION_IRET BIT(12) // an IRET had ended the blocking of NMIs

static void fault_at_iret(void)
{
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_EPT_VIOLATION);
    vmcs_write(VM_EXIT_QUALIFICATION, ACCESS_READ | QUALIFICATION_IRET);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_MEMORY);
}

static void test_an_iret_that_faults_leaves_nmis_blocked(void **state)
{
    (void)state;
    fault_at_iret();
    assert_int_equal(vmcs_read32(GUEST_INTERRUPTIBILITY), SHADOW_NMI);
}

// Bit 12 is undefined where NMIs exit and virtual NMIs are off: setting the blocking would keep the
// host's NMIs away.
static void test_without_virtual_nmis_no_exit_blocks_nmis(void **state)
{
    (void)state;
    capability.pin = 0;
    fault_at_iret();
    assert_int_equal(vmcs_read32(GUEST_INTERRUPTIBILITY), 0);
}

static uint8_t delivery_of(uint32_t idt_vectoring_info)
{
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_EXCEPTION_OR_NMI);
    vmcs_write32(VM_EXIT_INTERRUPTION_INFO,
                 (uint32_t)INTERRUPTION_VALID |
                     INTERRUPTION_HARDWARE_EXCEPTION << INTERRUPTION_TYPE_SHIFT | VECTOR_AC);
    vmcs_write32(IDT_VECTORING_INFO, idt_vectoring_info);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_EXCEPTION);
    assert_int_equal(last_exit.exception.vector, VECTOR_AC);
    return last_exit.exception.delivery;
}

static uint64_t debug_exception(uint64_t qualification)
{
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_EXCEPTION_OR_NMI);
    vmcs_write32(VM_EXIT_INTERRUPTION_INFO,
                 (uint32_t)INTERRUPTION_VALID |
                     INTERRUPTION_HARDWARE_EXCEPTION << INTERRUPTION_TYPE_SHIFT | VECTOR_DB);
    vmcs_write(VM_EXIT_QUALIFICATION, qualification);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.exception.vector, VECTOR_DB);
    return last_exit.exception.payload;
}

static void test_a_guarded_register_drops_the_single_step(void **state)
{
    (void)state;
    assert_int_equal(debug_exception(DR6_BS | BIT(0)), DR6_BS | BIT(0));
    assert_int_equal(debug_exception(DR6_BD | DR6_BS), DR6_BD);
}

static void take_machine_check(bool can_go_on)
{
    guest_can_go_on = can_go_on;
    machine_checks = 0;
    vcpu.exits[EXIT_HOST] = 0;
    last_exit.kind = EXIT_UNKNOWN;
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_EXCEPTION_OR_NMI);
    vmcs_write32(VM_EXIT_INTERRUPTION_INFO,
                 (uint32_t)INTERRUPTION_VALID |
                     INTERRUPTION_HARDWARE_EXCEPTION << INTERRUPTION_TYPE_SHIFT | VECTOR_MC);
    vmx_handle_exit(&vcpu);
    assert_int_equal(machine_checks, 1);
}

static void test_a_machine_check_ends_a_guest_that_cannot_go_on(void **state)
{
    (void)state;
    take_machine_check(true);
    assert_int_equal(last_exit.kind, EXIT_UNKNOWN); // no exit of the guest's
    assert_int_equal(vcpu.exits[EXIT_HOST], 1);
    take_machine_check(false);
    assert_int_equal(last_exit.kind, EXIT_MACHINE_CHECK);
    assert_int_equal(vcpu.exits[EXIT_HOST], 0);
}

// An interrupt may have the vector of a double fault.
static void test_the_exit_says_what_was_being_delivered(void **state)
{
    const uint32_t valid = INTERRUPTION_VALID;
    const uint32_t exception = INTERRUPTION_HARDWARE_EXCEPTION << INTERRUPTION_TYPE_SHIFT;
    const uint32_t interrupt = INTERRUPTION_EXTERNAL << INTERRUPTION_TYPE_SHIFT;
    (void)state;
    assert_int_equal(delivery_of(exception | VECTOR_DF), DELIVERY_NONE);
    assert_int_equal(delivery_of(valid | exception | VECTOR_DF), DELIVERY_DOUBLE_FAULT);
    assert_int_equal(delivery_of(valid | exception | VECTOR_AC), DELIVERY_OTHER);
    assert_int_equal(delivery_of(valid | interrupt | VECTOR_DF), DELIVERY_OTHER);
}

static void fail_to_enter(uint32_t basic_reason)
{
    vmcs_write32(VM_EXIT_REASON, (uint32_t)VM_EXIT_REASON_ENTRY_FAILURE | basic_reason);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_ENTRY_FAILED);
    assert_int_equal(backend.last_reason & VM_EXIT_REASON_BASIC_MASK, basic_reason);
}

static void test_a_machine_check_during_an_entry_reaches_its_handler(void **state)
{
    const uint32_t invalid_guest_state = 33;
    (void)state;
    fail_to_enter(invalid_guest_state);
    assert_int_equal(machine_checks, 0);
    fail_to_enter(VMX_EXIT_ENTRY_MACHINE_CHECK);
    assert_int_equal(machine_checks, 1);
}

static void time_out(uint64_t qualification)
{
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_INSTRUCTION_TIMEOUT);
    vmcs_write(VM_EXIT_QUALIFICATION, qualification);
    vmx_handle_exit(&vcpu);
}

// The event whose delivery did not end in time begins anew.
static void test_after_a_timeout_the_guest_goes_on_in_its_slice(void **state)
{
    const uint32_t event = (uint32_t)INTERRUPTION_VALID |
                           INTERRUPTION_HARDWARE_EXCEPTION << INTERRUPTION_TYPE_SHIFT | VECTOR_UD;
    (void)state;
    vmcs_write32(IDT_VECTORING_INFO, event);
    time_out(0);
    assert_int_equal(last_exit.kind, EXIT_KINDS);
    assert_int_equal(vcpu.work, WORK_HOST);
    assert_int_equal(vmcs_read32(VM_ENTRY_INTERRUPTION_INFO), event);
    assert_int_equal(vmcs_read(GUEST_RIP), 0x1000);
    vmcs_write32(IDT_VECTORING_INFO, 0);
    time_out(QUALIFICATION_IRET);
    assert_int_equal(vmcs_read32(GUEST_INTERRUPTIBILITY), SHADOW_NMI);
}

static void test_a_timeout_without_the_guests_state_is_its_end(void **state)
{
    const uint64_t context_invalid = BIT(0);
    (void)state;
    time_out(context_invalid);
    assert_int_equal(last_exit.kind, EXIT_UNKNOWN);
    assert_int_equal(backend.last_reason, VMX_EXIT_INSTRUCTION_TIMEOUT);
}

// ---- The end of a run ----

static void count_down(void)
{
    vcpu.work = 0;
    timer_ns = 0;
    vmcs_write32(PREEMPTION_TIMER_VALUE, 0);
    vmcs_write32(VM_EXIT_REASON, VMX_EXIT_PREEMPTION_TIMER);
    vmx_handle_exit(&vcpu);
    assert_int_equal(last_exit.kind, EXIT_KINDS);
}

static void test_a_run_ends_with_its_timer(void **state)
{
    (void)state;
    goes_on = false;
    count_down();
    assert_int_equal(vcpu.work, WORK_HOST);
}

static void test_a_run_that_goes_on_gets_both_timers_anew(void **state)
{
    (void)state;
    goes_on = true;
    run_end_ns = 5000;
    capability.pin |= PIN_PREEMPTION_TIMER;
    capability.preemption_timer_shift = 2;
    count_down();
    assert_int_equal(vcpu.work, 0);
    assert_int_equal(vmcs_read32(PREEMPTION_TIMER_VALUE), 3000);
    assert_int_equal(timer_ns, 5000 + HOST_LATE_NS);
    run_end_ns = 9000; // the deadline is a timer of the guest, at which the run does not end
    count_down();
    assert_int_equal(vmcs_read32(PREEMPTION_TIMER_VALUE), 3000);
    assert_int_equal(timer_ns, 9000 + HOST_LATE_NS);
    capability.pin &= ~(uint32_t)PIN_PREEMPTION_TIMER;
    count_down();
    assert_int_equal(vmcs_read32(PREEMPTION_TIMER_VALUE), 0);
    assert_int_equal(timer_ns, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_instruction_ends_the_shadow_but_not_the_blocking_of_nmis,
                               set_up),
        cmocka_unit_test_setup(test_a_single_step_traps_behind_the_instruction, set_up),
        cmocka_unit_test_setup(test_a_trap_is_forgotten_with_the_event, set_up),
        cmocka_unit_test_setup(test_a_breakpoint_traps_behind_the_instruction, set_up),
        cmocka_unit_test_setup(test_an_access_to_a_debug_register_exits_once, set_up),
        cmocka_unit_test_setup(test_an_nmi_window_is_for_one_exit, set_up),
        cmocka_unit_test_setup(test_an_iret_that_faults_leaves_nmis_blocked, set_up),
        cmocka_unit_test_setup(test_without_virtual_nmis_no_exit_blocks_nmis, set_up),
        cmocka_unit_test_setup(test_a_guarded_register_drops_the_single_step, set_up),
        cmocka_unit_test_setup(test_a_machine_check_ends_a_guest_that_cannot_go_on, set_up),
        cmocka_unit_test_setup(test_the_exit_says_what_was_being_delivered, set_up),
        cmocka_unit_test_setup(test_a_machine_check_during_an_entry_reaches_its_handler, set_up),
        cmocka_unit_test_setup(test_after_a_timeout_the_guest_goes_on_in_its_slice, set_up),
        cmocka_unit_test_setup(test_a_timeout_without_the_guests_state_is_its_end, set_up),
        cmocka_unit_test_setup(test_a_run_ends_with_its_timer, set_up),
        cmocka_unit_test_setup(test_a_run_that_goes_on_gets_both_timers_anew, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
