// SPDX-License-Identifier: MIT
// Tests of interrupts that other CPUs post to a vCPU while its guest runs on.
#include "vmm/vcpu/vcpu_mail.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "arch/x86/registers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_run.h"

static struct vcpu *ap; // the second vCPU, on CPU 1

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_posted(2);
    fake_machine_start_processors();
    ap = fake_machine.vm->vcpus[1];
    fake_host.kicks[1] = 0;
    fake_host.cpu = 1;
    fake_host.host.space_enter(&fake_machine.vm->space);
    fake_backend.ops.load_vcpu(&ap->core);
    assert_true(vcpu_write_lapic(ap, LAPIC_SVR, 0x1ff));
    vcpu_set_register(ap, REG_RFLAGS, RFLAGS_FIXED | RFLAGS_IF);
    fake_backend.event_count = 0;
    return 0;
}

// Sends a message from CPU 0.
static void send(const struct apic_message *message)
{
    fake_host.cpu = 0;
    vcpu_mail_message(ap, message);
    fake_host.cpu = 1;
}

static void send_vector(uint8_t vector)
{
    send(&(struct apic_message){.delivery = APIC_FIXED, .vector = vector});
}

// Runs the vCPU once on CPU 1, with `guest` as its guest.
static void run(void (*guest)(struct vcpu_core *core))
{
    fake_backend.guest = guest;
    vcpu_run(ap, fake_host.now_ns + 1000000);
}

static void assert_disturbed(unsigned kicks, unsigned notifications)
{
    assert_int_equal(fake_host.kicks[1], kicks);
    assert_int_equal(fake_host.posted_kicks[1], notifications);
}

static void gets_two_vectors(struct vcpu_core *core)
{
    if (fake_backend.event_count > 0) {
        fake_backend_compute(core);
        return;
    }
    send_vector(0x41);
    send_vector(0x42);
    assert_int_equal(core->work, 0);
}

static void the_guest_stays_in_it(void **state)
{
    (void)state;
    run(gets_two_vectors);
    assert_int_equal(fake_backend.events[0].vector, 0x42);
    assert_disturbed(0, 1); // when the second came, the first's notification was on its way
    assert_false(vcpu_mail_waits(&ap->mail));
    assert_int_equal(lapic_word(&ap->lapic, LAPIC_REQUESTED, 2), BIT(1)); // the other waits there
}

static void one_that_does_not_run_is_woken(void **state)
{
    (void)state;
    fake_machine_sleep(fake_machine.vm, 1, 4);
    send_vector(0x41);
    assert_disturbed(1, 0);
    assert_true(ap->core.work & WORK_EVENTS);
    run(fake_backend_compute);
    assert_int_equal(fake_backend.events[0].vector, 0x41);
    fake_machine_sleep(fake_machine.vm, 1, 4);
    send_vector(0x42);
    assert_disturbed(2, 0);
}

static void gets_what_exits(struct vcpu_core *core)
{
    assert_int_equal(core->work, 0);
    send(&(struct apic_message){.delivery = APIC_FIXED, .vector = 0x61, .level = true});
    assert_true(core->work & WORK_EVENTS);
    fake_backend_compute(core);
}

// The processor must first be told that the end of this vector exits.
static void a_level_triggered_one_takes_the_long_way(void **state)
{
    (void)state;
    run(gets_what_exits);
    assert_int_equal(fake_host.posted_kicks[1], 0);
    run(fake_backend_compute);
    assert_int_equal(fake_backend.events[0].vector, 0x61);
    assert_int_equal(ap->core.backend->eoi_exits[1], BIT(0x61 - 64));
}

static void gets_an_nmi(struct vcpu_core *core)
{
    send(&(struct apic_message){.delivery = APIC_NMI});
    assert_true(core->work & WORK_EVENTS);
    fake_backend_compute(core);
}

static void an_nmi_takes_the_long_way(void **state)
{
    (void)state;
    run(gets_an_nmi);
    assert_int_equal(fake_host.posted_kicks[1], 0);
    run(fake_backend_compute);
    assert_int_equal(fake_backend.events[0].type, EVENT_NMI);
}

// A vector comes before the guest switches its APIC off, and another one afterwards.
static void switches_its_apic_off(struct vcpu_core *core)
{
    send_vector(0x41);
    ap->lapic.page.reg[LAPIC_SVR].value = 0xff;
    fake_backend_exit(core, (struct vm_exit){.kind = EXIT_APIC_WRITE, .apic_write.reg = LAPIC_SVR});
    send_vector(0x42);
    assert_true(core->work & WORK_EVENTS);
    fake_backend.guest = fake_backend_compute;
}

static void an_apic_that_is_off_takes_none(void **state)
{
    (void)state;
    run(switches_its_apic_off);
    assert_int_equal(fake_host.posted_kicks[1], 1);
    assert_int_equal(fake_backend.event_count, 0);
    assert_int_equal(lapic_word(&ap->lapic, LAPIC_REQUESTED, 2), 0);
    assert_false(vcpu_mail_waits(&ap->mail));
}

static void posts_to_itself(struct vcpu_core *core)
{
    if (fake_backend.event_count == 0) {
        vcpu_mail_message(ap, &(struct apic_message){.delivery = APIC_FIXED, .vector = 0x41});
        assert_true(core->work & WORK_EVENTS);
        return;
    }
    fake_backend_compute(core);
}

static void what_its_own_cpu_sends_needs_no_notification(void **state)
{
    (void)state;
    run(posts_to_itself);
    assert_int_equal(fake_backend.events[0].vector, 0x41);
    assert_disturbed(0, 0);
}

// ---- Real threads ----

// So many on a quiet machine. A busy one that seldom runs both threads at a time does what it can.
#define POSTS 20000
#define POSTS_MIN 200
#define POSTS_SECONDS 5

static _Thread_local unsigned own_cpu;
static uint32_t answered;
static bool all_sent;
static time_t started_s;

// After so many that were answered.
static bool is_enough(uint32_t posts)
{
    return posts == POSTS || (posts >= POSTS_MIN && time(NULL) > started_s + POSTS_SECONDS);
}

static bool is_over(void)
{
    return __atomic_load_n(&all_sent, __ATOMIC_ACQUIRE);
}

static unsigned this_cpu(void)
{
    return own_cpu;
}

static void no_kick(unsigned cpu)
{
    (void)cpu;
}

// Each interrupt is answered before the next one is sent. A lost one would be waited for until the
// alarm.
static void *post_and_wait(void *argument)
{
    for (uint32_t i = 1; !is_enough(i - 1); i++) {
        vcpu_mail_message(ap, &(struct apic_message){.vector = (uint8_t)(0x80 + i % 0x80)});
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != i) {
        }
    }
    __atomic_store_n(&all_sent, true, __ATOMIC_RELEASE);
    return argument;
}

// Returns how many there were.
static unsigned answer(uint32_t *count)
{
    lapic_refresh(&ap->lapic);
    int vector = lapic_pending(&ap->lapic);

    if (vector < 0) {
        return 0;
    }
    assert_int_equal(vector, 0x80 + ++*count % 0x80);
    lapic_accept(&ap->lapic, (unsigned)vector);
    lapic_eoi(&ap->lapic);
    __atomic_store_n(&answered, *count, __ATOMIC_RELEASE);
    return 1;
}

static bool has_work(void)
{
    return __atomic_load_n(&ap->core.work, __ATOMIC_SEQ_CST) != 0;
}

// Stays in the guest until `wanted` interrupts have come or there is other work. Only a
// notification tells the guest's processor that something was posted.
static void stay_notified(uint32_t *count, unsigned wanted)
{
    for (unsigned come = 0; come < wanted && !is_over() && !has_work();) {
        if (__atomic_exchange_n(&fake_host.posted_kicks[1], 0, __ATOMIC_SEQ_CST)) {
            fake_backend_take_posted(&ap->core);
            come += answer(count);
        }
    }
}

// Does what vcpu_run and vcpu_runnable do. Each third time the guest halts until it is woken.
static void lose_nothing(void *(*send_all)(void *), void (*stay_in_guest)(uint32_t *, unsigned))
{
    pthread_t thread;
    uint32_t count = 0;
    unsigned (*fake_this_cpu)(void) = fake_host.host.this_cpu;
    own_cpu = 1;
    fake_host.host.this_cpu = this_cpu;
    fake_host.host.kick = no_kick;
    fake_machine_set_current(1, ap);
    answered = 0;
    all_sent = false;
    started_s = time(NULL);
    alarm(60);
    assert_int_equal(pthread_create(&thread, NULL, send_all, NULL), 0);
    for (unsigned turn = 0; !is_over(); turn++) {
        __atomic_store_n(&ap->core.work, 0, __ATOMIC_SEQ_CST);
        vcpu_mail_take(ap);
        (void)answer(&count);
        while (turn % 3 == 0 && !is_over() && !has_work()) {
        }
        vcpu_apic_take_posted(ap, true);
        if (!has_work()) {
            stay_in_guest(&count, turn % 7);
        }
        vcpu_apic_take_posted(ap, false);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    alarm(0);
    fake_host.host.this_cpu = fake_this_cpu;
    fake_machine_set_current(1, NULL);
}

static void no_posted_interrupt_is_lost_between_threads(void **state)
{
    (void)state;
    lose_nothing(post_and_wait, stay_notified);
}

// ---- AMD's AVIC: the sender's processor finds the receiver's page by itself ----

static bool runs;     // the table of APICs shows that the receiver runs
static bool was_rung; // the doorbell of its CPU was rung

// APM Vol. 2 15.29: the sender first makes the request, then looks whether the receiver runs.
static void *send_by_avic_and_wait(void *argument)
{
    struct vcpu *sender = fake_machine.vm->vcpus[0];
    for (uint32_t i = 1; !is_enough(i - 1); i++) {
        unsigned vector = 0x80 + i % 0x80;
        uint32_t *word = &ap->lapic.page.reg[LAPIC_IRR + vector / 32].value;

        __atomic_or_fetch(word, 1U << vector % 32, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&runs, __ATOMIC_SEQ_CST)) {
            __atomic_store_n(&was_rung, true, __ATOMIC_SEQ_CST);
        } else {
            struct exit_ipi ipi = {.icr = 1ULL << 56 | 0x4000 | vector, .sent = true};
            (void)vcpu_ipi_exit(sender, &ipi);
        }
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != i) {
        }
    }
    __atomic_store_n(&all_sent, true, __ATOMIC_RELEASE);
    return argument;
}

// VMRUN looks at the page. After that only the doorbell makes the processor look. A ring outside
// the guest is lost.
static void stay(uint32_t *count, unsigned wanted, bool shown)
{
    __atomic_store_n(&runs, shown, __ATOMIC_SEQ_CST);
    __atomic_store_n(&was_rung, false, __ATOMIC_SEQ_CST);
    for (unsigned come = answer(count); come < wanted && !is_over() && !has_work();) {
        if (__atomic_exchange_n(&was_rung, false, __ATOMIC_SEQ_CST)) {
            come += answer(count);
        }
    }
    __atomic_store_n(&runs, false, __ATOMIC_SEQ_CST);
}

static void stay_to_be_rung(uint32_t *count, unsigned wanted)
{
    stay(count, wanted, true);
}

// The same on a CPU with erratum 1235, where the receiver must not be shown as running.
static void stay_unseen(uint32_t *count, unsigned wanted)
{
    stay(count, wanted, false);
}

static void no_ipi_of_the_processors_is_lost_between_threads(void **state)
{
    (void)state;
    lose_nothing(send_by_avic_and_wait, stay_to_be_rung);
}

static void none_is_lost_to_a_vcpu_that_is_not_shown_to_run(void **state)
{
    (void)state;
    lose_nothing(send_by_avic_and_wait, stay_unseen);
}

static int tear_down(void **state)
{
    fake_host.cpu = 0;
    return fake_machine_tear_down(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_guest_stays_in_it),
        TEST(one_that_does_not_run_is_woken),
        TEST(a_level_triggered_one_takes_the_long_way),
        TEST(an_nmi_takes_the_long_way),
        TEST(an_apic_that_is_off_takes_none),
        TEST(what_its_own_cpu_sends_needs_no_notification),
        TEST(no_posted_interrupt_is_lost_between_threads),
        TEST(no_ipi_of_the_processors_is_lost_between_threads),
        TEST(none_is_lost_to_a_vcpu_that_is_not_shown_to_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
