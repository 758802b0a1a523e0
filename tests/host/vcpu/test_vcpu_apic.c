// SPDX-License-Identifier: MIT
// Tests of a vCPU's local APIC where the processor serves the guest out of the APIC's page.
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vm/vm_create.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_timer.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_start.h"
#include "vmm/vcpu/vcpu_timers.h"

#define MASKED BIT(16)
#define LEVEL BIT(15)

static struct backend_vcpu *backend(void)
{
    return fake_machine.vcpu->core.backend;
}

static uint32_t shown(unsigned reg)
{
    return fake_machine.vcpu->lapic.page.reg[reg].value;
}

// A write of the guest, in the form in which the processor reports it.
static void write_page(unsigned reg, uint32_t value)
{
    fake_machine.vcpu->lapic.page.reg[reg].value = value;
    struct vm_exit exit = {.kind = EXIT_APIC_WRITE, .apic_write.reg = (uint8_t)reg};

    assert_int_equal(fake_machine_exit(exit), RETRY);
}

static enum exit_action write_base(uint64_t value)
{
    fake_machine_gpr()[GPR_RCX] = IA32_APIC_BASE;
    fake_machine_gpr()[GPR_RAX] = (uint32_t)value;
    fake_machine_gpr()[GPR_RDX] = value >> 32;
    return fake_machine_exit((struct vm_exit){.kind = EXIT_WRITE_MSR});
}

static void run_open(void)
{
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    fake_machine_run();
}

static void assert_delivered(unsigned count, uint8_t vector)
{
    assert_int_equal(fake_backend.event_count, count);
    assert_int_equal(fake_backend.events[count - 1].vector, vector);
}

// ---- What it shows ----

static void the_page_shows_the_registers(void **state)
{
    (void)state;
    fake_machine_run();
    assert_int_equal(shown(LAPIC_ID), 0);
    assert_int_equal(shown(LAPIC_VERSION), 0x1050014);
    assert_int_equal(shown(LAPIC_SVR), 0x1ff);
    assert_int_equal(shown(LAPIC_DFR), UINT32_MAX);
    assert_int_equal(shown(LAPIC_LVT_TIMER), MASKED);
    assert_int_equal(shown(LAPIC_LVT_LINT0), 0x700);
}

static void what_cannot_be_written_is_put_right(void **state)
{
    (void)state;
    write_page(LAPIC_ID, 0x55000000);
    write_page(LAPIC_SVR, 0xffffffff);
    write_page(LAPIC_DFR, 0);
    write_page(LAPIC_RRD, 5);
    fake_machine_run();
    assert_int_equal(shown(LAPIC_RRD), 0);
    assert_int_equal(shown(LAPIC_ID), 0);
    assert_int_equal(shown(LAPIC_SVR), 0x11ff);
    assert_int_equal(shown(LAPIC_DFR), 0x0fffffff);
}

// The old timer mode must count, although the processor has overwritten it in the page.
static void a_timer_is_set_by_writes_of_the_page(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    write_page(LAPIC_DIVIDE, 0xb); // by 1
    write_page(LAPIC_LVT_TIMER, 0x40);
    write_page(LAPIC_INITIAL_COUNT, 1000);
    assert_true(lapic_next_event_ns(lapic) < NEVER_NS);
    assert_true(fake_machine.vcpu->core.work & WORK_TIMERS);
    write_page(LAPIC_LVT_TIMER, 2U << 17 | 0x40); // TSC-deadline mode disarms
    assert_int_equal(lapic_next_event_ns(lapic), NEVER_NS);
    fake_machine_run();
    assert_int_equal(shown(LAPIC_INITIAL_COUNT), 0);
}

static void a_timer_is_unmasked_by_a_write_of_the_page(void **state)
{
    struct vcpu *vcpu = fake_machine.vcpu;
    (void)state;
    write_page(LAPIC_DIVIDE, 0xb);
    write_page(LAPIC_LVT_TIMER, MASKED | 1U << 17 | 0x40);
    write_page(LAPIC_INITIAL_COUNT, 1);
    fake_machine_run();
    assert_int_equal(fake_machine_next_event_ns(vcpu), NEVER_NS);
    vcpu->core.work = 0;
    vcpu->core.deadline_ns = fake_host.now_ns + 1000;
    write_page(LAPIC_LVT_TIMER, 1U << 17 | 0x40);
    assert_true(vcpu->core.work & WORK_TIMERS);
    assert_int_equal(fake_machine_next_event_ns(vcpu), fake_host.now_ns + 1);
}

static void a_register_beyond_the_last_is_no_harm(void **state)
{
    (void)state;
    for (unsigned reg = 0x40; reg <= 0xff; reg++) {
        write_page(reg, UINT32_MAX);
    }
    fake_machine_run();
    assert_int_equal(shown(LAPIC_SVR), 0x1ff);
}

// ---- Interrupts ----

static void an_interrupt_is_left_to_the_processor(void **state)
{
    (void)state;
    vcpu_mail_message(fake_machine.vcpu,
                      &(struct apic_message){.delivery = APIC_FIXED, .vector = 0x41});
    fake_machine_run(); // interrupts are off
    assert_int_equal(backend()->requested, 0x41);
    assert_int_equal(fake_backend.event_count, 0);
    assert_false(backend()->window); // it needs none
    assert_false(backend()->event_waiting);
    run_open();
    assert_delivered(1, 0x41);
    fake_machine_run();
    assert_int_equal(backend()->in_service, 0x41); // found in the page
    assert_int_equal(backend()->requested, 0);
}

static void what_the_processor_ended_is_ended(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    uint64_t value;
    (void)state;
    lapic_post(lapic, 0x41, false);
    run_open();
    assert_true(vcpu_read_lapic(fake_machine.vcpu, LAPIC_PPR, &value));
    assert_int_equal(value, 0x40);
    lapic->page.reg[LAPIC_ISR + 2].value = 0; // an EOI without an exit
    assert_true(vcpu_read_lapic(fake_machine.vcpu, LAPIC_PPR, &value));
    assert_int_equal(value, 0);
    lapic_post(lapic, 0x31, false);
    run_open();
    assert_delivered(2, 0x31);
}

static void an_eoi_by_an_exit_shows_the_processor_what_is_left(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    lapic_post(lapic, 0x41, false);
    run_open();
    lapic_post(lapic, 0x51, false);
    run_open();
    assert_delivered(2, 0x51);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_EOI, 0));
    fake_machine_run();
    assert_int_equal(backend()->in_service, 0x41);
}

// The processor puts a self-IPI into the page.
static void a_self_ipi_ends_a_halt(void **state)
{
    (void)state;
    fake_machine_set_register(REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    fake_machine.vcpu->lapic.page.reg[LAPIC_IRR + 2].value = BIT(1);
    assert_int_equal(fake_machine_exit((struct vm_exit){.kind = EXIT_HLT}), ADVANCE);
    assert_true(vcpu_runnable(fake_machine.vcpu));
    fake_machine_run();
    assert_delivered(1, 0x41);
}

static void the_8259_still_has_its_interrupts_injected(void **state)
{
    static const uint16_t writes[][2] = {{0x20, 0x11}, {0x21, 0x20}, {0x21, 4},
                                         {0x21, 1},    {0x21, 0},    {0x20, 0x20}};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(writes); i++) {
        fake_machine_out(writes[i][0], 1, writes[i][1]);
    }
    pic_set_line(&fake_machine.vm->pc->pic, 4, true);
    lapic_post(&fake_machine.vcpu->lapic, 0xf0, false);
    fake_machine_run();
    assert_true(backend()->window);
    run_open();
    assert_delivered(1, 0x24);
    assert_false(backend()->window);
    run_open();
    assert_delivered(2, 0xf0);
}

static void put_ioapic_entry(unsigned pin, uint32_t low)
{
    fake_machine_ioapic_write(0x00, 0x10 + 2 * pin);
    fake_machine_ioapic_write(0x10, low);
}

static void a_level_triggered_one_ends_by_an_exit(void **state)
{
    struct ioapic *ioapic = &fake_machine.vm->pc->ioapic;
    (void)state;
    put_ioapic_entry(20, LEVEL | 0x61);
    ioapic_set_pin(ioapic, 20, true);
    run_open();
    assert_delivered(1, 0x61);
    assert_int_equal(backend()->eoi_exits[1], BIT(0x61 - 64));
    assert_int_equal(backend()->eoi_exits[0] | backend()->eoi_exits[2] | backend()->eoi_exits[3],
                     0);
    // The processor ends it; the line is asserted still.
    fake_machine.vcpu->lapic.page.reg[LAPIC_ISR + 3].value = 0;
    struct vm_exit eoi = {.kind = EXIT_EOI, .eoi.vector = 0x61};

    assert_int_equal(fake_machine_exit(eoi), RETRY);
    run_open();
    assert_delivered(2, 0x61);
    ioapic_set_pin(ioapic, 20, false);
    fake_machine.vcpu->lapic.page.reg[LAPIC_ISR + 3].value = 0;
    assert_int_equal(fake_machine_exit(eoi), RETRY);
    run_open();
    assert_int_equal(fake_backend.event_count, 2);
    // The same vector by an edge: no exit.
    lapic_post(&fake_machine.vcpu->lapic, 0x61, false);
    run_open();
    assert_delivered(3, 0x61);
    assert_int_equal(backend()->eoi_exits[1], 0);
}

// ---- Modes ----

static void in_x2apic_mode_the_msrs_are_served(void **state)
{
    (void)state;
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC),
                     ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MSR);
    assert_true(fake_machine.vm->nested->apic_page_hidden);
    fake_machine_run();
    assert_int_equal(shown(LAPIC_LDR), 1); // cluster 0, the first of it
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS), ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE), ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS); // it is off still
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_SVR, 0x1ff));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    assert_false(fake_machine.vm->nested->apic_page_hidden);
}

// All vCPUs of the VM share one page.
static void the_page_is_there_while_all_use_it(void **state)
{
    struct vm *vm = fake_machine.vm;
    uint64_t enabled = APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE;
    (void)state;
    vm->apics_elsewhere = 1; // another vCPU's
    vm->nested->apic_page_hidden = true;
    assert_int_equal(write_base(enabled | APIC_BASE_X2APIC), ADVANCE);
    assert_int_equal(write_base(enabled | APIC_BASE_X2APIC), ADVANCE); // no change
    assert_int_equal(vm->apics_elsewhere, 2);
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS), ADVANCE);
    assert_int_equal(write_base(enabled), ADVANCE);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_SVR, 0x1ff));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    assert_int_equal(vm->apics_elsewhere, 1);
    assert_true(vm->nested->apic_page_hidden);
}

static void an_apic_that_was_moved_is_not_served(void **state)
{
    (void)state;
    assert_int_equal(write_base(0xd0000000 | APIC_BASE_ENABLE), ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
    assert_true(fake_machine.vm->nested->apic_page_hidden);
}

// Interrupts that the processor has put into the page before are injected too.
static void where_it_is_not_served_interrupts_are_injected(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    lapic->page.reg[LAPIC_IRR + 2].value = BIT(1);
    assert_int_equal(write_base(0xd0000000 | APIC_BASE_ENABLE), ADVANCE);
    fake_machine_run();
    assert_true(backend()->window);
    assert_int_equal(backend()->requested, 0);
    run_open();
    assert_delivered(1, 0x41);
    assert_false(backend()->window);
    assert_int_equal(lapic->page.reg[LAPIC_ISR + 2].value, BIT(1));
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE), ADVANCE);
    fake_machine_run();
    assert_int_equal(backend()->in_service, 0x41);
}

// The processor would take self-IPIs, which such an APIC does not take.
static void one_that_software_has_switched_off_is_not_served(void **state)
{
    (void)state;
    write_page(LAPIC_SVR, 0xff);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
    assert_true(fake_machine.vm->nested->apic_page_hidden);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_SVR, 0x1ff));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
}

// While it waits for its SIPI, it does not keep the page from the others.
static void another_processor_is_served_once_its_apic_is_on(void **state)
{
    struct vm *vm = fake_machine_add_smp("two", 2, 1);
    struct reason why = {""};
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    struct vcpu *second = vm->vcpus[1];

    assert_int_equal(vm->apics_elsewhere, 0);
    assert_int_equal(second->apic_access, APIC_ACCESS_MEMORY);
    vcpu_startup(second, 0x10);
    assert_int_equal(second->apic_access, APIC_ACCESS_EXITS);
    assert_int_equal(vm->apics_elsewhere, 1);
    assert_true(vcpu_write_lapic(second, LAPIC_SVR, 0x1ff));
    assert_int_equal(second->apic_access, APIC_ACCESS_MEMORY);
    assert_int_equal(vm->apics_elsewhere, 0);
    assert_true(vcpu_write_lapic(second, LAPIC_SVR, 0xff));
    vcpu_init_received(second);
    assert_int_equal(vm->apics_elsewhere, 0);
}

// ---- As AMD's AVIC does it ----

static void start_like_avic(unsigned features)
{
    struct reason why = {""};
    fake_backend.features = FEATURE_APIC | features;
    assert_int_equal(fake_machine_vm_start(fake_machine_add("avic"), &why), STATUS_OK);
    fake_machine.vcpu = vm_find(&fake_machine.vmm, "avic")->vcpus[0];
    fake_host.host.space_enter(&fake_machine.vcpu->vm->space);
    fake_backend.ops.load_vcpu(&fake_machine.vcpu->core);
}

// AVIC has no window for interrupts of the 8259s. A guest that uses its APICs has masked LINT0.
static void while_the_8259_may_interrupt_it_is_not_served(void **state)
{
    (void)state;
    start_like_avic(FEATURE_APIC_MSR);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_LINT0, MASKED | 0x700));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC),
                     ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MSR);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_LINT0, 0x700));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
}

static void with_an_extint_of_the_io_apic_it_is_not_served(void **state)
{
    (void)state;
    start_like_avic(FEATURE_APIC_MSR);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_LVT_LINT0, MASKED | 0x700));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    vcpu_mail_message(fake_machine.vcpu, &(struct apic_message){.delivery = APIC_EXTINT});
    vcpu_mail_take(fake_machine.vcpu);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
}

static void without_x2avic_x2apic_mode_is_not_served(void **state)
{
    (void)state;
    start_like_avic(FEATURE_APIC_EXTINT);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC),
                     ADVANCE);
    assert_int_equal(backend()->apic_access, APIC_ACCESS_EXITS);
}

// The exit comes before the interrupt is ended.
static void a_level_triggered_one_may_be_left_to_the_model(void **state)
{
    struct ioapic *ioapic = &fake_machine.vm->pc->ioapic;
    (void)state;
    put_ioapic_entry(20, LEVEL | 0x61);
    ioapic_set_pin(ioapic, 20, true);
    run_open();
    assert_delivered(1, 0x61);
    ioapic_set_pin(ioapic, 20, false);
    assert_int_equal(fake_machine_exit((struct vm_exit){.kind = EXIT_EOI, .eoi.vector = 0x61}),
                     RETRY);
    assert_int_equal(lapic_highest(&fake_machine.vcpu->lapic, LAPIC_IN_SERVICE), 0);
    ioapic_set_pin(ioapic, 20, true); // heard again: its remote IRR is clear
    run_open();
    assert_delivered(2, 0x61);
}

static void an_ipi_may_be_left_to_the_model(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    struct vm_exit ipi = {.kind = EXIT_IPI, .ipi.icr = 0x44041}; // to itself
    (void)state;
    assert_int_equal(fake_machine_exit(ipi), RETRY);
    assert_int_equal(lapic_word(lapic, LAPIC_REQUESTED, 2), BIT(1));
    ipi.ipi.icr = 0x44005; // no such vector
    assert_int_equal(fake_machine_exit(ipi), RETRY);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_ESR, 0));
    fake_machine_run();
    assert_int_equal(shown(LAPIC_ESR), BIT(5));
    assert_int_equal(shown(LAPIC_ICR), 0x44005);
}

// The IPI is in the pages of all receivers. Every vCPU must look whose APIC is a receiver in its
// own mode, or whose mode differs from the sender's.
static void the_receivers_of_an_ipi_are_told_to_look(void **state)
{
    struct vm *vm = fake_machine_add_smp("four", 4, 1);
    struct vm_exit ipi = {.kind = EXIT_IPI, .ipi = {.icr = 1ULL << 56 | 0x4041, .sent = true}};
    struct reason why = {""};
    (void)state;
    assert_int_equal(fake_machine_vm_start(vm, &why), STATUS_OK);
    for (unsigned i = 1; i < 4; i++) {
        vcpu_startup(vm->vcpus[i], 0x10);
        assert_true(vcpu_write_lapic(vm->vcpus[i], LAPIC_SVR, 0x1ff));
        vm->vcpus[i]->mail.posted.flags = 0;
    }
    vm->vcpus[1]->lapic.page.reg[LAPIC_IRR + 2].value = BIT(1);
    assert_true(vcpu_set_apic_base(vm->vcpus[3],
                                   APIC_DEFAULT_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC));
    fake_host.host.space_enter(&vm->space);
    fake_backend.ops.load_vcpu(&vm->vcpus[0]->core);
    assert_int_equal(fake_backend_exit(&vm->vcpus[0]->core, ipi), RETRY);
    assert_int_equal(vm->vcpus[0]->mail.posted.flags | vm->vcpus[2]->mail.posted.flags, 0);
    assert_int_equal(vm->vcpus[1]->mail.posted.flags, MAIL_REQUESTED);
    assert_int_equal(vm->vcpus[3]->mail.posted.flags, MAIL_REQUESTED);
    vcpu_mail_take(vm->vcpus[1]);
    assert_int_equal(lapic_pending(&vm->vcpus[1]->lapic), 0x41);
}

// The processor does not check whether the receiver's APIC takes interrupts.
static void what_is_requested_of_an_apic_that_is_off_is_dropped(void **state)
{
    struct lapic *lapic = &fake_machine.vcpu->lapic;
    (void)state;
    write_page(LAPIC_SVR, 0xff);
    lapic->page.reg[LAPIC_IRR + 2].value = BIT(1);
    vcpu_mail_requested(fake_machine.vcpu);
    vcpu_mail_take(fake_machine.vcpu);
    assert_int_equal(lapic_word(lapic, LAPIC_REQUESTED, 2), 0);
    assert_true(vcpu_write_lapic(fake_machine.vcpu, LAPIC_SVR, 0x1ff));
    assert_false(lapic_has_requests(lapic));
}

static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    backend()->apic_access = APIC_ACCESS_MEMORY;
    assert_int_equal(write_base(APIC_DEFAULT_ADDRESS | APIC_BASE_X2APIC), RETRY);
    assert_true(fake_machine_take_fault(VECTOR_GP));
    assert_int_equal(backend()->apic_access, APIC_ACCESS_MEMORY);
    assert_false(fake_machine.vm->nested->apic_page_hidden);
}

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_served();
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_page_shows_the_registers),
        TEST(what_cannot_be_written_is_put_right),
        TEST(a_timer_is_set_by_writes_of_the_page),
        TEST(a_timer_is_unmasked_by_a_write_of_the_page),
        TEST(a_register_beyond_the_last_is_no_harm),
        TEST(an_interrupt_is_left_to_the_processor),
        TEST(what_the_processor_ended_is_ended),
        TEST(an_eoi_by_an_exit_shows_the_processor_what_is_left),
        TEST(a_self_ipi_ends_a_halt),
        TEST(the_8259_still_has_its_interrupts_injected),
        TEST(a_level_triggered_one_ends_by_an_exit),
        TEST(in_x2apic_mode_the_msrs_are_served),
        TEST(the_page_is_there_while_all_use_it),
        TEST(an_apic_that_was_moved_is_not_served),
        TEST(where_it_is_not_served_interrupts_are_injected),
        TEST(one_that_software_has_switched_off_is_not_served),
        TEST(another_processor_is_served_once_its_apic_is_on),
        TEST(while_the_8259_may_interrupt_it_is_not_served),
        TEST(with_an_extint_of_the_io_apic_it_is_not_served),
        TEST(without_x2avic_x2apic_mode_is_not_served),
        TEST(a_level_triggered_one_may_be_left_to_the_model),
        TEST(an_ipi_may_be_left_to_the_model),
        TEST(the_receivers_of_an_ipi_are_told_to_look),
        TEST(what_is_requested_of_an_apic_that_is_off_is_dropped),
        TEST(what_is_refused_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
