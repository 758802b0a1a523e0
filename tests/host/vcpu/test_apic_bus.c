// SPDX-License-Identifier: MIT
// Tests of which vCPUs of four get a message between the APICs of a VM.
#include "vmm/vcpu/apic_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "tests/host/fake_machine.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_apic.h"
#include "vmm/vcpu/vcpu_mail_take.h"

#define VCPUS 4
#define ALL 0xf
#define EVERYONE 0xffffffffU
#define VECTOR 0x61
#define SVR_ON 0x1ffU
#define PRIORITY_CLASS(value) ((value) << 4)

static struct lapic *lapic(unsigned index)
{
    return &fake_machine.vm->vcpus[index]->lapic;
}

static void write_register(unsigned index, unsigned reg, uint32_t value)
{
    assert_true(lapic_write(lapic(index), reg, value, 0));
}

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(VCPUS);
    for (unsigned i = 0; i < VCPUS; i++) {
        write_register(i, LAPIC_SVR, SVR_ON);
        write_register(i, LAPIC_LDR, 1U << (24 + i));
    }
    return 0;
}

// Returns bit i if vCPU i has got the message, and takes it away.
static unsigned receivers(void)
{
    unsigned who = 0;
    for (unsigned i = 0; i < VCPUS; i++) {
        struct vcpu *vcpu = fake_machine.vm->vcpus[i];

        who |= (unsigned)(vcpu->mail.posted.vectors[VECTOR / 64] != 0) << i;
        vcpu->mail.posted.vectors[VECTOR / 64] = 0;
        vcpu->mail.posted.flags = 0;
    }
    return who;
}

static unsigned sent_by(const struct vcpu *sender, struct apic_message message)
{
    message.vector = VECTOR;
    apic_bus_send(fake_machine.vm, sender, &message);
    return receivers();
}

static unsigned sent(struct apic_message message)
{
    return sent_by(NULL, message);
}

// ---- Destinations ----

static void a_physical_destination_is_one_apic(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(sent((struct apic_message){.destination = i}), BIT(i));
    }
    assert_int_equal(sent((struct apic_message){.destination = VCPUS}), 0);
    assert_int_equal(sent((struct apic_message){.destination = 0x100}), 0); // not ID 0
}

static void a_broadcast_reaches_all_but_its_sender(void **state)
{
    (void)state;
    assert_int_equal(sent((struct apic_message){.destination = EVERYONE}), ALL);
    assert_int_equal(sent((struct apic_message){.destination = EVERYONE, .logical = true}), ALL);
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(
            sent_by(fake_machine.vm->vcpus[i], (struct apic_message){.destination = EVERYONE}),
            ALL & ~BIT(i));
    }
}

static void a_flat_logical_destination_is_a_set(void **state)
{
    (void)state;
    for (unsigned set = 0; set <= ALL; set++) {
        assert_int_equal(sent((struct apic_message){.destination = set, .logical = true}), set);
    }
    assert_int_equal(sent((struct apic_message){.destination = 0xf0, .logical = true}), 0);
}

static void a_cluster_has_four_at_most(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        write_register(i, LAPIC_DFR, 0x0fffffff);
        write_register(i, LAPIC_LDR, (i / 2) << 28 | 1U << (24 + i % 2)); // two clusters of two
    }
    assert_int_equal(sent((struct apic_message){.destination = 0x03, .logical = true}), 0x3);
    assert_int_equal(sent((struct apic_message){.destination = 0x12, .logical = true}), 0x8);
    assert_int_equal(sent((struct apic_message){.destination = 0x23, .logical = true}), 0);
}

static void x2apic_ids_give_the_logical_ones(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_true(lapic_set_base(lapic(i), lapic_base(lapic(i)) | APIC_BASE_X2APIC));
    }
    assert_int_equal(sent((struct apic_message){.destination = 0x5, .logical = true}), 0x5);
    assert_int_equal(sent((struct apic_message){.destination = 0x10005, .logical = true}), 0);
    assert_int_equal(sent((struct apic_message){.destination = 2}), BIT(2));
}

static void an_apic_that_is_disabled_hears_nothing(void **state)
{
    (void)state;
    assert_true(lapic_set_base(lapic(2), APIC_DEFAULT_ADDRESS));
    assert_int_equal(sent((struct apic_message){.destination = EVERYONE}), ALL & ~BIT(2));
    assert_int_equal(sent((struct apic_message){.destination = 2}), 0);
}

static void an_ipi_reaches_the_others_mail(void **state)
{
    struct vcpu *sender = fake_machine.vm->vcpus[0];
    (void)state;
    assert_true(vcpu_write_lapic(sender, LAPIC_ICR, 3U << 18 | VECTOR)); // all but itself
    assert_int_equal(receivers(), ALL & ~BIT(0));
    assert_int_equal(lapic_pending(&sender->lapic), -1);
    assert_true(vcpu_write_lapic(sender, LAPIC_ICR, 2U << 18 | VECTOR)); // all: itself at once
    assert_int_equal(receivers(), ALL & ~BIT(0));
    assert_int_equal(lapic_pending(&sender->lapic), VECTOR);
}

static void init_and_sipi_go_the_same_way(void **state)
{
    (void)state;
    apic_bus_send(fake_machine.vm, fake_machine.vcpu,
                  &(struct apic_message){.delivery = APIC_INIT, .destination = EVERYONE});
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(fake_machine.vm->vcpus[i]->mail.posted.flags, i ? MAIL_INIT : 0);
    }
    apic_bus_send(
        fake_machine.vm, fake_machine.vcpu,
        &(struct apic_message){.delivery = APIC_STARTUP, .vector = 0x9a, .destination = 3});
    assert_int_equal(fake_machine.vm->vcpus[3]->mail.posted.flags,
                     MAIL_INIT | MAIL_STARTUP | 0x9a << MAIL_STARTUP_SHIFT);
    assert_int_equal(fake_machine.vm->vcpus[2]->mail.posted.flags, MAIL_INIT);
}

// ---- Lowest priority ----

static const struct apic_message lowest = {
    .delivery = APIC_LOWEST_PRIORITY, .logical = true, .destination = ALL};

static void equals_take_turns(void **state)
{
    unsigned counts[VCPUS] = {0};
    (void)state;
    for (unsigned i = 0; i < 100 * VCPUS; i++) {
        unsigned who = sent(lowest);

        assert_int_equal(__builtin_popcount(who), 1);
        counts[__builtin_ctz(who)]++;
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(counts[i], 100);
    }
}

static void the_least_busy_wins(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        write_register(i, LAPIC_TPR, PRIORITY_CLASS(i == 2 ? 3 : 8));
    }
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(sent(lowest), BIT(2));
    }
    lapic_post(lapic(2), 0x91, false); // the interrupt in service counts more than the TPR
    lapic_accept(lapic(2), 0x91);
    assert_int_equal(sent(lowest) & BIT(2), 0);
    lapic_eoi(lapic(2));
    assert_int_equal(sent(lowest), BIT(2));
}

static void only_those_that_are_meant_and_on_take_part(void **state)
{
    struct apic_message two = lowest;
    (void)state;
    two.destination = 0x6;
    write_register(1, LAPIC_TPR, PRIORITY_CLASS(9));
    write_register(2, LAPIC_TPR, PRIORITY_CLASS(10));
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(sent(two), BIT(1)); // 0 and 3 are less busy, but not meant
    }
    write_register(1, LAPIC_SVR, 0xff); // software-disabled
    for (unsigned i = 0; i < VCPUS; i++) {
        assert_int_equal(sent(two), BIT(2));
        assert_int_equal(sent_by(fake_machine.vm->vcpus[2], two), 0);
    }
}

// ---- From the I/O APIC ----

static void pin(unsigned pin, uint32_t low, uint32_t destination)
{
    fake_machine_ioapic_write(0x00, 0x10 + 2 * pin + 1);
    fake_machine_ioapic_write(0x10, destination << 24);
    fake_machine_ioapic_write(0x00, 0x10 + 2 * pin);
    fake_machine_ioapic_write(0x10, low);
}

static void a_device_interrupts_the_vcpu_that_its_pin_names(void **state)
{
    struct ioapic *ioapic = &fake_machine.vm->pc->ioapic;
    (void)state;
    pin(4, VECTOR, 3);
    ioapic_set_pin(ioapic, 4, true);
    assert_int_equal(fake_machine.vm->vcpus[3]->mail.level[VECTOR / 64], 0);
    assert_int_equal(receivers(), BIT(3));
    pin(10, 0x8000 | VECTOR, 1); // level-triggered
    ioapic_set_pin(ioapic, 10, true);
    assert_int_equal(fake_machine.vm->vcpus[1]->mail.level[VECTOR / 64], BIT(VECTOR % 64));
    assert_int_equal(receivers(), 0); // no edge-triggered one
}

// The interrupt ends on another vCPU than the one that keeps the devices' timers.
static void the_end_of_a_level_interrupt_reaches_the_io_apic(void **state)
{
    struct vcpu *vcpu = fake_machine.vm->vcpus[1];
    struct ioapic *ioapic = &fake_machine.vm->pc->ioapic;
    (void)state;
    pin(10, 0x8000 | VECTOR, 1);
    ioapic_set_pin(ioapic, 10, true);
    for (unsigned i = 0; i < 3; i++) { // the line stays up: it comes again
        fake_host.cpu = 1;
        vcpu_mail_take(vcpu);
        assert_int_equal(lapic_pending(&vcpu->lapic), VECTOR);
        lapic_accept(&vcpu->lapic, VECTOR);
        assert_false(vcpu_mail_waits(&vcpu->mail));
        if (i == 2) {
            ioapic_set_pin(ioapic, 10, false);
        }
        lapic_eoi(&vcpu->lapic);
        assert_int_equal(vcpu_mail_waits(&vcpu->mail), i < 2);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_physical_destination_is_one_apic),
        TEST(a_broadcast_reaches_all_but_its_sender),
        TEST(a_flat_logical_destination_is_a_set),
        TEST(a_cluster_has_four_at_most),
        TEST(x2apic_ids_give_the_logical_ones),
        TEST(an_apic_that_is_disabled_hears_nothing),
        TEST(an_ipi_reaches_the_others_mail),
        TEST(init_and_sipi_go_the_same_way),
        TEST(equals_take_turns),
        TEST(the_least_busy_wins),
        TEST(only_those_that_are_meant_and_on_take_part),
        TEST(a_device_interrupts_the_vcpu_that_its_pin_names),
        TEST(the_end_of_a_level_interrupt_reaches_the_io_apic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
