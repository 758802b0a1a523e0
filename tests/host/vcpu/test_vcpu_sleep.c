// SPDX-License-Identifier: MIT
// Tests of vCPUs that sleep: what wakes them, and when no vCPU of a VM can ever wake.
#include "vmm/vcpu/vcpu.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "tests/host/vcpu/smp_fixture.h"
#include "vmm/board/pc.h"
#include "vmm/board/pc_virtio.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/devices/virtio/virtio_console.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vcpu/vcpu_timers.h"
#include "vmm/vm/vm_hold.h"

#define MS 1000000ULL
#define FOR_EVER "halted for ever"

static struct vm *vm;

static void start_with(unsigned vcpus)
{
    smp_begin(vcpus);
    vm = fake_machine.vm;
}

static int set_up(void **state)
{
    (void)state;
    start_with(2);
    return 0;
}

static int set_up_four(void **state)
{
    (void)state;
    start_with(4);
    return 0;
}

static int set_up_one(void **state)
{
    (void)state;
    start_with(1);
    return 0;
}

// ---- What wakes ----

static void an_interrupt_wakes_where_interrupts_are_on(void **state)
{
    (void)state;
    smp_halt(1, RFLAGS_IF);
    assert_false(smp_runnable(1));
    assert_false(vm->vcpus[1]->asleep);
    smp_send(1, APIC_FIXED, 0x41);
    assert_true(smp_runnable(1));
    assert_false(vm->vcpus[1]->halted);
}

static void an_interrupt_does_not_wake_where_they_are_off(void **state)
{
    (void)state;
    smp_halt(1, 0);
    smp_send(1, APIC_FIXED, 0x41);
    assert_false(smp_runnable(1));
    assert_true(vm->vcpus[1]->halted);
    smp_send(1, APIC_NMI, 0);
    assert_true(smp_runnable(1));
}

static void an_interrupt_below_the_priority_does_not_wake(void **state)
{
    (void)state;
    assert_true(lapic_write(&vm->vcpus[1]->lapic, LAPIC_TPR, 0x50, 0));
    smp_halt(1, RFLAGS_IF);
    smp_send(1, APIC_FIXED, 0x41);
    assert_false(smp_runnable(1));
    smp_send(1, APIC_FIXED, 0x61);
    assert_true(smp_runnable(1));
}

static void an_nmi_wakes_in_either_case(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        smp_halt(1, i ? RFLAGS_IF : 0);
        assert_false(smp_runnable(1));
        smp_send(1, APIC_NMI, 0);
        assert_true(smp_runnable(1));
        assert_false(vm->vcpus[1]->asleep);
        vm->vcpus[1]->nmis_pending = 0; // delivered
    }
}

// The HLT is in an NMI's handler, which blocks the next one.
static void halt_in_nmi(unsigned index, uint64_t interrupts)
{
    struct vcpu *vcpu = smp_on(index);
    vcpu->in_nmi = true;
    vcpu_set_register(vcpu, REG_INTERRUPT_SHADOW, SHADOW_NMI);
    smp_halt(index, interrupts);
}

static void an_nmi_does_not_wake_an_nmi_handler(void **state)
{
    (void)state;
    halt_in_nmi(1, 0);
    smp_send(1, APIC_NMI, 0);
    assert_false(smp_runnable(1));
    assert_true(vm->vcpus[1]->asleep);
    smp_send(1, APIC_FIXED, 0x41);
    assert_false(smp_runnable(1));
    smp_send(1, APIC_INIT, 0);
    smp_send(1, APIC_STARTUP, 0x20);
    assert_true(smp_runnable(1));
}

static void nor_does_one_that_is_there(void **state)
{
    (void)state;
    vm->vcpus[1]->nmis_pending = 1;
    halt_in_nmi(1, RFLAGS_IF);
    assert_false(smp_runnable(1));
    smp_send(1, APIC_FIXED, 0x41);
    assert_true(smp_runnable(1)); // an interrupt does
}

static void behind_the_handler_it_wakes(void **state)
{
    (void)state;
    smp_on(1)->in_nmi = true; // the IRET has come since
    smp_halt(1, 0);
    assert_false(smp_runnable(1));
    smp_send(1, APIC_NMI, 0);
    assert_true(smp_runnable(1));
}

static void an_interrupt_that_is_there_ends_the_halt_at_once(void **state)
{
    (void)state;
    smp_send(1, APIC_FIXED, 0x41);
    vcpu_mail_take(smp_on(1));
    smp_halt(1, RFLAGS_IF);
    assert_true(vm->vcpus[1]->core.work & WORK_EVENTS); // the loop looks
    assert_true(smp_runnable(1));
}

static void an_nmi_that_is_there_does_too(void **state)
{
    (void)state;
    vm->vcpus[1]->nmis_pending = 1;
    smp_halt(1, 0);
    assert_false(vm->vcpus[1]->asleep);
    assert_true(smp_runnable(1));
}

// Sets the timer of vCPU 1: due in 1 ms, or every ms.
static void set_timer(uint32_t lvt)
{
    struct vcpu *vcpu = smp_on(1);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_DIVIDE, 0xb));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_LVT_TIMER, lvt));
    assert_true(vcpu_write_lapic(vcpu, LAPIC_INITIAL_COUNT, (uint32_t)MS));
}

static void its_timer_wakes_it(void **state)
{
    struct vcpu *vcpu = vm->vcpus[1];
    (void)state;
    set_timer(0x40);
    smp_halt(1, RFLAGS_IF);
    assert_false(smp_runnable(1));
    assert_int_equal(fake_machine_next_event_ns(vcpu), fake_host.now_ns + MS);
    assert_int_equal(vcpu_wake_event_ns(vcpu), fake_host.now_ns + MS);
    fake_host.now_ns += MS;
    assert_true(smp_runnable(1));
}

static void a_timer_below_the_priority_does_not_wake(void **state)
{
    struct vcpu *vcpu = vm->vcpus[1];
    uint64_t start_ns = fake_host.now_ns;
    (void)state;
    set_timer(BIT(17) | 0x40);
    assert_true(vcpu_write_lapic(vcpu, LAPIC_TPR, 0x40));
    smp_halt(1, RFLAGS_IF);
    assert_false(smp_runnable(1));
    assert_int_equal(vcpu_wake_event_ns(vcpu), NEVER_NS);
    fake_host.now_ns += 5 * MS / 2;
    smp_send(1, APIC_FIXED, 0x51);
    assert_true(smp_runnable(1));
    assert_true(lapic_word(&vcpu->lapic, LAPIC_REQUESTED, 2) & 1); // its interrupt waits
    assert_int_equal(fake_machine_next_event_ns(vcpu),
                     start_ns + 3 * MS); // and it goes on in phase
}

static void a_timer_does_not_wake_where_interrupts_are_off(void **state)
{
    struct vcpu *vcpu = vm->vcpus[1];
    (void)state;
    set_timer(BIT(17) | 0x40);
    smp_halt(1, 0);
    assert_false(smp_runnable(1));
    assert_int_equal(vcpu_wake_event_ns(vcpu), NEVER_NS);
    fake_host.now_ns += 5 * MS / 2;
    smp_send(1, APIC_NMI, 0);
    assert_true(smp_runnable(1));
    assert_int_equal(lapic_pending(&vcpu->lapic), 0x40);
}

static void an_init_turns_a_halt_into_a_wait_for_a_sipi(void **state)
{
    (void)state;
    smp_halt(1, RFLAGS_IF);
    smp_send(1, APIC_INIT, 0);
    assert_false(smp_runnable(1));
    assert_true(vm->vcpus[1]->waits_for_startup);
    smp_send(1, APIC_STARTUP, 0x20);
    assert_true(smp_runnable(1));
}

// If LINT0 is set to NMI, the 8259s' INTR arrives as an NMI and wakes like any other NMI.
static void lint0_as_nmi_wakes_for_good(void **state)
{
    struct vcpu *first = vm->vcpus[0];
    (void)state;
    assert_true(vcpu_write_lapic(smp_on(0), LAPIC_LVT_LINT0, APIC_NMI << 8));
    smp_halt(0, 0);
    vcpu_mail_lint0(first, true);
    assert_true(smp_runnable(0));
    first->nmis_pending = 0;
    assert_false(first->asleep);
    smp_halt(0, RFLAGS_IF);
    assert_false(smp_runnable(0));
    smp_send(0, APIC_FIXED, 0x41);
    assert_true(smp_runnable(0));
    smp_halt(1, 0); // for the others, vCPU 0 is awake
    assert_int_equal(vm->state, VM_RUNNING);
}

// It comes after the look, while the scheduler still takes the vCPU for one that is awake.
static void lint0_as_nmi_ends_a_sleep_that_begins(void **state)
{
    struct vcpu *first = vm->vcpus[0];
    (void)state;
    assert_true(vcpu_write_lapic(smp_on(0), LAPIC_LVT_LINT0, APIC_NMI << 8));
    smp_halt(0, 0);
    assert_false(smp_runnable(0));
    assert_false(vcpu_has_waking_mail(first));
    vcpu_mail_lint0(first, false);
    assert_false(vcpu_has_waking_mail(first));
    vcpu_mail_lint0(first, true);
    assert_true(vcpu_has_waking_mail(first));
    assert_true(smp_runnable(0));
}

static void what_comes_after_the_look_is_work_again(void **state)
{
    (void)state;
    smp_halt(1, RFLAGS_IF);
    assert_false(smp_runnable(1));
    assert_int_equal(vm->vcpus[1]->core.work & WORK_EVENTS, 0);
    fake_host.cpu = 0;
    fake_host.kicks[1] = 0;
    fake_machine_sleep(vm, 1, vcpu_sleep_urgency(vm->vcpus[1]));
    smp_send(1, APIC_FIXED, 0x41);
    assert_true(vm->vcpus[1]->core.work & WORK_EVENTS);
    assert_int_equal(fake_host.kicks[1], 1);
}

// ---- Halted for ever ----

static void one_alone_ends_at_once(void **state)
{
    (void)state;
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_ENDED);
    assert_true(vm->failed);
    assert_int_equal(fake_host_logged(FOR_EVER), 1);
}

static void the_last_of_all_ends_the_vm(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(vm->state, VM_RUNNING);
        smp_halt((i + 1) % 4, 0);
    }
    assert_int_equal(vm->state, VM_ENDED);
}

static void one_that_takes_interrupts_keeps_it_alive(void **state)
{
    (void)state;
    smp_halt(0, RFLAGS_IF);
    smp_halt(1, 0);
    smp_halt(2, 0);
    smp_halt(3, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    smp_send(0, APIC_FIXED, 0x41);
    assert_true(smp_runnable(0));
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_ENDED);
}

static void one_that_waits_for_a_sipi_does_not(void **state)
{
    (void)state;
    smp_send(1, APIC_INIT, 0);
    assert_false(smp_runnable(1));
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_ENDED);
}

static void a_signal_on_its_way_keeps_it_alive(void **state)
{
    static const enum apic_delivery signals[] = {APIC_NMI, APIC_STARTUP, APIC_INIT};
    (void)state;
    smp_halt(1, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(signals); i++) {
        vm->vcpus[1]->mail.posted.flags = 0;
        smp_send(1, signals[i], 0x20);
        smp_halt(0, 0);
        assert_int_equal(vm->state, VM_RUNNING);
    }
    vm->vcpus[1]->mail.posted.flags = 0;
    smp_send(1, APIC_FIXED, 0x41); // this one wakes nobody
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_ENDED);
}

static unsigned signal_and_halt(struct console_line *line, uint8_t *bytes, unsigned count)
{
    (void)line;
    (void)bytes;
    (void)count;
    smp_send(0, APIC_NMI, 0);
    smp_halt(1, 0);
    return 0;
}

// The receiver looks at a device, and the sender falls asleep before it is out of there.
static void a_signal_during_a_look_at_a_device_keeps_it_alive(void **state)
{
    static struct console_line line = {.take = signal_and_halt};
    static struct pc_console console;
    (void)state;
    console.console.line = &line;
    smp_halt(0, 0);
    vm->pc->console = &console;
    assert_true(smp_runnable(0));
    vm->pc->console = NULL;
    assert_int_equal(vm->state, VM_RUNNING);
}

// The receiver of an NMI has taken it and sleeps again by itself.
static void who_woke_and_slept_again_looks_again(void **state)
{
    (void)state;
    smp_halt(1, 0);
    smp_send(1, APIC_NMI, 0);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_true(smp_runnable(1));
    vm->vcpus[1]->nmis_pending = 0;
    smp_halt(1, 0);
    assert_int_equal(vm->state, VM_ENDED);
}

// The sender halts for good, and the other vCPU does not wake.
static void check_last_signal(enum apic_delivery signal)
{
    smp_send(1, signal, 0x20);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_false(smp_runnable(1));
    assert_int_equal(vm->state, VM_ENDED);
    assert_int_equal(fake_host_logged(FOR_EVER), 1);
}

static void the_receiver_of_the_last_nmi_ends_the_vm(void **state)
{
    (void)state;
    halt_in_nmi(1, 0);
    check_last_signal(APIC_NMI);
}

static void the_receiver_of_the_last_sipi_ends_the_vm(void **state)
{
    (void)state;
    smp_halt(1, 0);
    check_last_signal(APIC_STARTUP);
}

// The sender halts for good, and its INIT makes the other vCPU sleep.
static void the_receiver_of_the_last_init_ends_the_vm(void **state)
{
    (void)state;
    smp_send(1, APIC_INIT, 0);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_RUNNING);
    assert_false(smp_runnable(1));
    assert_int_equal(vm->state, VM_ENDED);
    assert_int_equal(fake_host_logged(FOR_EVER), 1);
}

// An NMI does not end the wait for a SIPI.
static void an_nmi_does_not_wake_who_waits_for_a_sipi(void **state)
{
    (void)state;
    smp_send(1, APIC_INIT, 0);
    assert_false(smp_runnable(1));
    smp_send(1, APIC_NMI, 0);
    assert_false(smp_runnable(1));
    assert_true(vm->vcpus[1]->asleep);
    smp_halt(0, 0);
    assert_int_equal(vm->state, VM_ENDED);
}

static void (*load)(struct vcpu_core *vcpu);
static unsigned loads;

static void watched_load(struct vcpu_core *vcpu)
{
    assert_false(vcpu_of(vcpu)->asleep);
    loads++;
    load(vcpu);
}

// The vCPU's mail is empty while it carries out the INIT. Others that fall asleep then must not
// take it for asleep.
static void init_and_sipi_in_one_go_are_no_sleep(void **state)
{
    struct vcpu *vcpu = smp_on(1);
    (void)state;
    smp_send(1, APIC_INIT, 0);
    smp_send(1, APIC_STARTUP, 0x20);
    load = fake_backend.ops.load_vcpu;
    fake_backend.ops.load_vcpu = watched_load;
    loads = 0;
    vcpu_mail_take(vcpu);
    fake_backend.ops.load_vcpu = load;
    assert_true(loads >= 2);
    assert_true(vcpu_runnable(vcpu));
}

static void an_end_is_counted_once(void **state)
{
    (void)state;
    smp_halt(0, 0);
    smp_halt(1, 0);
    smp_halt(1, 0);
    assert_int_equal(fake_host_logged(FOR_EVER), 1);
}

#define TEST_WITH(function, count)                                                                 \
    cmocka_unit_test_setup_teardown(function, count, fake_machine_tear_down)
#define TEST(function) TEST_WITH(function, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interrupt_wakes_where_interrupts_are_on),
        TEST(an_interrupt_does_not_wake_where_they_are_off),
        TEST(an_interrupt_below_the_priority_does_not_wake),
        TEST(an_nmi_wakes_in_either_case),
        TEST(an_nmi_does_not_wake_an_nmi_handler),
        TEST(nor_does_one_that_is_there),
        TEST(behind_the_handler_it_wakes),
        TEST(an_interrupt_that_is_there_ends_the_halt_at_once),
        TEST(an_nmi_that_is_there_does_too),
        TEST(its_timer_wakes_it),
        TEST(a_timer_below_the_priority_does_not_wake),
        TEST(a_timer_does_not_wake_where_interrupts_are_off),
        TEST(an_init_turns_a_halt_into_a_wait_for_a_sipi),
        TEST(lint0_as_nmi_wakes_for_good),
        TEST(lint0_as_nmi_ends_a_sleep_that_begins),
        TEST(what_comes_after_the_look_is_work_again),
        TEST_WITH(one_alone_ends_at_once, set_up_one),
        TEST_WITH(the_last_of_all_ends_the_vm, set_up_four),
        TEST_WITH(one_that_takes_interrupts_keeps_it_alive, set_up_four),
        TEST(one_that_waits_for_a_sipi_does_not),
        TEST(a_signal_on_its_way_keeps_it_alive),
        TEST(a_signal_during_a_look_at_a_device_keeps_it_alive),
        TEST(who_woke_and_slept_again_looks_again),
        TEST(the_receiver_of_the_last_nmi_ends_the_vm),
        TEST(the_receiver_of_the_last_sipi_ends_the_vm),
        TEST(the_receiver_of_the_last_init_ends_the_vm),
        TEST(an_nmi_does_not_wake_who_waits_for_a_sipi),
        TEST(init_and_sipi_in_one_go_are_no_sleep),
        TEST(an_end_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
