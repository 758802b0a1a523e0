// SPDX-License-Identifier: MIT
// Tests of mail from other CPUs to a vCPU: nothing is lost, nothing comes twice or in a wrong form.
#include "vmm/vcpu/vcpu_mail.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_events.h"
#include "vmm/vcpu/vcpu_mail_take.h"
#include "vmm/vcpu/vcpu_sleep.h"
#include "vmm/vm/vm_hold.h"

#define SVR_ON 0x1ffU

static struct vcpu *ap; // the second vCPU, on CPU 1

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(2);
    ap = fake_machine.vm->vcpus[1];
    fake_host.cpu = 1;
    assert_true(vm_hold(fake_machine.vm, 1));
    fake_host.cpu = 0;
    ap->waits_for_startup = false;
    vcpu_stir(ap);
    assert_true(lapic_write(&ap->lapic, LAPIC_SVR, SVR_ON, 0));
    return 0;
}

static void send(enum apic_delivery delivery, uint8_t vector)
{
    vcpu_mail_message(ap, &(struct apic_message){.delivery = delivery, .vector = vector});
}

static void send_level(uint8_t vector)
{
    vcpu_mail_message(ap, &(struct apic_message){.vector = vector, .level = true});
}

static void take(void)
{
    fake_host.cpu = 1;
    vcpu_mail_take(ap);
    fake_host.cpu = 0;
}

static bool is_set(enum lapic_register first, uint8_t vector)
{
    uint64_t word;
    assert_true(lapic_read(&ap->lapic, first + vector / 32, 0, &word));
    return word & BIT(vector % 32);
}

// ---- Interrupts ----

static void an_interrupt_waits_until_it_is_taken(void **state)
{
    (void)state;
    fake_machine_sleep(fake_machine.vm, 1, 4);
    send(APIC_FIXED, 0x41);
    assert_true(vcpu_mail_waits(&ap->mail));
    assert_false(is_set(LAPIC_IRR, 0x41));
    assert_true(ap->core.work & WORK_EVENTS);
    assert_int_equal(fake_host.kicks[1], 1);
    take();
    assert_false(vcpu_mail_waits(&ap->mail));
    assert_true(is_set(LAPIC_IRR, 0x41));
    assert_false(is_set(LAPIC_TMR, 0x41));
    lapic_accept(&ap->lapic, 0x41);
    take(); // comes once
    assert_false(is_set(LAPIC_IRR, 0x41));
}

static void the_apic_of_an_exit_on_this_cpu_takes_an_edge_at_once(void **state)
{
    (void)state;
    fake_machine_set_current(1, ap);
    fake_host.cpu = 1;
    ap->core.work = 0;
    send(APIC_FIXED, 0x41);
    assert_false(vcpu_mail_waits(&ap->mail));
    assert_true(is_set(LAPIC_IRR, 0x41));
    assert_int_equal(ap->core.work, WORK_EVENTS);
    send_level(0x42); // waits, as its end may be in work
    assert_true(vcpu_mail_waits(&ap->mail));
    fake_machine_set_current(1, NULL);
    take();
    assert_true(is_set(LAPIC_IRR, 0x42));
}

static void all_vectors_arrive(void **state)
{
    (void)state;
    for (unsigned vector = 16; vector < 256; vector++) {
        send(vector % 2 ? APIC_FIXED : APIC_LOWEST_PRIORITY, (uint8_t)vector);
    }
    take();
    for (unsigned vector = 16; vector < 256; vector++) {
        assert_true(is_set(LAPIC_IRR, (uint8_t)vector));
    }
}

static void the_trigger_mode_travels_along(void **state)
{
    (void)state;
    send_level(0x51);
    send(APIC_FIXED, 0x52);
    take();
    assert_true(is_set(LAPIC_TMR, 0x51));
    assert_false(is_set(LAPIC_TMR, 0x52));
    send(APIC_FIXED, 0x51); // the same vector, now edge-triggered
    take();
    assert_false(is_set(LAPIC_TMR, 0x51));
}

static void an_apic_that_is_off_takes_none(void **state)
{
    (void)state;
    send(APIC_FIXED, 0x41);
    assert_true(lapic_write(&ap->lapic, LAPIC_SVR, 0xff, 0));
    take();
    assert_true(lapic_write(&ap->lapic, LAPIC_SVR, SVR_ON, 0));
    take();
    assert_false(is_set(LAPIC_IRR, 0x41));
}

static void an_extint_is_pending_until_the_8259s_give_their_vector(void **state)
{
    (void)state;
    send(APIC_EXTINT, 0);
    take();
    assert_true(ap->extint_pending);
    assert_true(vcpu_interrupt_pending(ap));
    send(APIC_INIT, 0);
    take();
    assert_false(ap->extint_pending);
}

static void an_apic_that_is_off_takes_no_extint(void **state)
{
    (void)state;
    assert_true(lapic_write(&ap->lapic, LAPIC_SVR, 0xff, 0));
    send(APIC_EXTINT, 0);
    take();
    assert_false(ap->extint_pending);
}

static void smi_is_no_message(void **state)
{
    (void)state;
    send(APIC_SMI, 0);
    send((enum apic_delivery)3, 0x41);
    assert_false(vcpu_mail_waits(&ap->mail));
    assert_int_equal(fake_host.kicks[1], 0);
}

// ---- Signals ----

static void an_nmi_is_pending(void **state)
{
    (void)state;
    send(APIC_NMI, 0x41); // the vector means nothing
    take();
    assert_true(ap->nmis_pending);
    assert_int_equal(lapic_pending(&ap->lapic), -1);
}

static void of_many_nmis_two_arrive(void **state)
{
    (void)state;
    send(APIC_NMI, 0);
    send(APIC_NMI, 0);
    send(APIC_NMI, 0);
    take();
    assert_int_equal(ap->nmis_pending, 2);
    send(APIC_NMI, 0);
    take();
    assert_int_equal(ap->nmis_pending, 2);
    send(APIC_NMI, 0);
    send(APIC_NMI, 0);
    send(APIC_INIT, 0); // forgets them
    take();
    assert_int_equal(ap->nmis_pending, 0);
}

static void a_sipi_is_ignored_where_it_runs(void **state)
{
    (void)state;
    fake_host.cpu = 1;
    fake_backend.ops.load_vcpu(&ap->core);
    vcpu_set_register(ap, REG_RIP, 0x1234);
    send(APIC_STARTUP, 0x10);
    take();
    assert_int_equal(ap->core.backend->registers[REG_RIP], 0x1234);
    assert_false(ap->waits_for_startup);
}

static void an_init_cancels_the_sipi_before_it(void **state)
{
    (void)state;
    send(APIC_STARTUP, 0x10);
    send(APIC_INIT, 0);
    take();
    assert_true(ap->waits_for_startup);
    send(APIC_STARTUP, 0x20);
    take();
    assert_false(ap->waits_for_startup);
    assert_int_equal(ap->core.backend->segments[SEGMENT_CS].base, 0x20000);
}

static void init_and_sipi_in_one_go_start_it(void **state)
{
    (void)state;
    send(APIC_INIT, 0);
    send(APIC_STARTUP, 0x10);
    send(APIC_STARTUP, 0x10); // as SDM Vol. 3A 9.4.4 has it: twice
    take();
    assert_false(ap->waits_for_startup);
    assert_false(ap->asleep);
    assert_int_equal(ap->core.backend->segments[SEGMENT_CS].base, 0x10000);
}

static void an_init_drops_what_waits(void **state)
{
    (void)state;
    send(APIC_NMI, 0);
    send(APIC_FIXED, 0x41);
    take();
    send(APIC_FIXED, 0x42);
    send(APIC_INIT, 0);
    take();
    assert_false(ap->nmis_pending);
    assert_false(is_set(LAPIC_IRR, 0x41));
    assert_false(is_set(LAPIC_IRR, 0x42));
}

// ---- LINT0 ----

#define LVT_FIXED_EDGE 0x45U

static void lint0(bool level)
{
    vcpu_mail_lint0(ap, level);
}

static void a_pulse_of_lint0_is_seen(void **state)
{
    (void)state;
    assert_true(lapic_write(&ap->lapic, LAPIC_LVT_LINT0, LVT_FIXED_EDGE, 0));
    lint0(true);
    lint0(false); // both before the vCPU looks
    take();
    assert_true(is_set(LAPIC_IRR, 0x45));
    assert_false(ap->lapic.lint[0]);
}

static void the_fall_of_lint0_alone_is_no_interrupt(void **state)
{
    (void)state;
    assert_true(lapic_write(&ap->lapic, LAPIC_LVT_LINT0, LVT_FIXED_EDGE, 0));
    lint0(true);
    take();
    lapic_accept(&ap->lapic, 0x45);
    lint0(false);
    take();
    assert_false(is_set(LAPIC_IRR, 0x45));
    lint0(false);
    lint0(true);
    take();
    assert_true(is_set(LAPIC_IRR, 0x45));
    assert_true(ap->lapic.lint[0]);
}

// ---- Real threads ----

#define SENDERS 3
#define POSTS 20000
#define SHARED_VECTOR 0xf0

struct sender {
    struct vcpu *vcpu;
    uint8_t vector; // its own
    bool done;
    unsigned nmis;
};

// While the scheduler's `current` is the vCPU, scheduler_notify reads only atomic data.
static void *post_all(void *argument)
{
    struct sender *sender = argument;
    struct apic_message own = {.vector = sender->vector, .level = true};
    struct apic_message shared = {.vector = SHARED_VECTOR};
    for (unsigned i = 0; i < POSTS; i++) {
        vcpu_mail_message(sender->vcpu, &own);
        vcpu_mail_message(sender->vcpu, &shared);
        if (i % 16 == 0) {
            vcpu_mail_message(sender->vcpu, &(struct apic_message){.delivery = APIC_NMI});
            sender->nmis++;
        }
    }
    __atomic_store_n(&sender->done, true, __ATOMIC_RELEASE);
    return NULL;
}

static void no_kick(unsigned cpu)
{
    (void)cpu;
}

static void count_and_clear(unsigned counts[256], unsigned *nmis)
{
    for (unsigned vector = 0x80; vector < 256; vector++) {
        if (is_set(LAPIC_IRR, (uint8_t)vector)) {
            counts[vector]++;
            // The senders' own vectors are level-triggered, the shared one is not.
            assert_int_equal(is_set(LAPIC_TMR, (uint8_t)vector), vector != SHARED_VECTOR);
            lapic_accept(&ap->lapic, vector);
        }
    }
    *nmis += ap->nmis_pending;
    ap->nmis_pending = 0;
}

static void nothing_is_lost_between_threads(void **state)
{
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];
    unsigned counts[256] = {0};
    unsigned nmis = 0;
    uint32_t stirs = fake_machine.vm->stirs;
    bool done = false;
    (void)state;
    fake_host.host.kick = no_kick;
    fake_machine_set_current(1, ap);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.vcpu = ap, .vector = (uint8_t)(0x80 + 0x20 * i)};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &senders[i]), 0);
    }
    while (!done) {
        done = true;
        for (unsigned i = 0; i < SENDERS; i++) {
            done = done && __atomic_load_n(&senders[i].done, __ATOMIC_ACQUIRE);
        }
        vcpu_mail_take(ap); // takes what is left after all senders were done
        count_and_clear(counts, &nmis);
    }
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_in_range(counts[senders[i].vector], 1, POSTS);
        stirs += senders[i].nmis;
    }
    assert_in_range(counts[SHARED_VECTOR], 1, SENDERS * POSTS);
    assert_in_range(nmis, 1, SENDERS * POSTS / 16);
    assert_int_equal(fake_machine.vm->stirs, stirs);
    assert_false(vcpu_mail_waits(&ap->mail));
    for (unsigned word = 0; word < MAIL_WORDS; word++) {
        assert_int_equal(ap->mail.posted.vectors[word], 0);
        assert_int_equal(ap->mail.level[word], 0);
    }
    fake_machine_set_current(1, NULL);
}

// Each message is answered before the next one is sent.
static uint32_t answered;

static void *post_and_wait(void *argument)
{
    for (uint32_t i = 1; i <= POSTS; i++) {
        vcpu_mail_message(argument, &(struct apic_message){.vector = (uint8_t)(0x80 + i % 0x80)});
        while (__atomic_load_n(&answered, __ATOMIC_ACQUIRE) != i) {
        }
    }
    return NULL;
}

static void each_message_arrives_by_itself(void **state)
{
    pthread_t thread;
    (void)state;
    fake_host.host.kick = no_kick;
    fake_machine_set_current(1, ap);
    answered = 0;
    assert_int_equal(pthread_create(&thread, NULL, post_and_wait, ap), 0);
    while (answered < POSTS) {
        vcpu_mail_take(ap);
        uint8_t next = (uint8_t)(0x80 + (answered + 1) % 0x80);

        if (is_set(LAPIC_IRR, next)) {
            lapic_accept(&ap->lapic, next);
            lapic_eoi(&ap->lapic);
            assert_false(lapic_has_requests(&ap->lapic)); // none but this one
            __atomic_add_fetch(&answered, 1, __ATOMIC_RELEASE);
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    fake_machine_set_current(1, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_interrupt_waits_until_it_is_taken),
        TEST(the_apic_of_an_exit_on_this_cpu_takes_an_edge_at_once),
        TEST(all_vectors_arrive),
        TEST(the_trigger_mode_travels_along),
        TEST(an_apic_that_is_off_takes_none),
        TEST(an_extint_is_pending_until_the_8259s_give_their_vector),
        TEST(an_apic_that_is_off_takes_no_extint),
        TEST(smi_is_no_message),
        TEST(an_nmi_is_pending),
        TEST(of_many_nmis_two_arrive),
        TEST(a_sipi_is_ignored_where_it_runs),
        TEST(an_init_cancels_the_sipi_before_it),
        TEST(init_and_sipi_in_one_go_start_it),
        TEST(an_init_drops_what_waits),
        TEST(a_pulse_of_lint0_is_seen),
        TEST(the_fall_of_lint0_alone_is_no_interrupt),
        TEST(nothing_is_lost_between_threads),
        TEST(each_message_arrives_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
