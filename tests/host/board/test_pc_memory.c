// SPDX-License-Identifier: MIT
// Tests of the device memory of a VM's PC: which device answers where, on the CPU of any vCPU.
#include "vmm/board/pc.h"
#include "vmm/board/pc_memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_machine.h"
#include "vmm/devices/lapic_registers.h"
#include "vmm/vcpu/vcpu_timers.h"

#define MS 1000000ULL
#define IOAPIC_SELECT IOAPIC_DEFAULT_BASE
#define IOAPIC_WINDOW (IOAPIC_DEFAULT_BASE + 0x10)
#define HPET_CONFIG (HPET_BASE + 0x10)
#define HPET_COUNTER (HPET_BASE + 0xf0)
#define HPET_TIMER_0 (HPET_BASE + 0x100)
#define HPET_COMPARATOR_0 (HPET_BASE + 0x108)

static struct pc *pc;

static int set_up(void **state)
{
    (void)state;
    fake_machine_start_smp(2);
    pc = fake_machine.vm->pc;
    return 0;
}

static uint64_t read_at(uint64_t address, unsigned width)
{
    uint64_t value = 0;
    assert_true(pc_memory_read(pc, gpa(address), width, &value));
    return value;
}

static void write_at(uint64_t address, unsigned width, uint64_t value)
{
    assert_true(pc_memory_write(pc, gpa(address), width, value));
}

static void the_io_apic_answers_in_its_page(void **state)
{
    (void)state;
    write_at(IOAPIC_SELECT, 4, 1);
    assert_int_equal(read_at(IOAPIC_WINDOW, 4), 0x170020);
    assert_int_equal(read_at(IOAPIC_WINDOW, 8), 0x170020);
    assert_int_equal(read_at(IOAPIC_WINDOW, 2), 0x20);
    assert_int_equal(read_at(IOAPIC_WINDOW, 1), 0x20);
    assert_int_equal(read_at(IOAPIC_DEFAULT_BASE + PAGE_SIZE - 4, 4), 0);
}

static void the_hpet_counts_the_vms_time(void **state)
{
    (void)state;
    uint64_t period_fs = read_at(HPET_BASE + 4, 4);

    write_at(HPET_CONFIG, 8, 1);
    uint64_t start = read_at(HPET_COUNTER, 8);

    fake_host.now_ns += 10 * MS;
    uint64_t ticks = read_at(HPET_COUNTER, 8) - start;

    assert_in_range(ticks * period_fs / 1000000, 10 * MS - 200, 10 * MS);
    assert_int_equal(read_at(HPET_COUNTER, 4), (start + ticks) & UINT32_MAX);
}

static void the_configuration_of_pci_answers(void **state)
{
    (void)state;
    assert_int_equal(read_at(PCI_BUS_ECAM_BASE, 4), 0x12378086);
    assert_int_equal(read_at(PCI_BUS_ECAM_BASE + 8, 8), 0x06000002);
    write_at(PCI_BUS_ECAM_BASE, 4, 0);
    assert_int_equal(read_at(PCI_BUS_ECAM_BASE, 2), 0x8086);
    assert_int_equal(read_at(PCI_BUS_ECAM_BASE + PCI_HOST_ECAM_BYTES - 1, 1), 0xff);
}

static void between_them_nobody_answers(void **state)
{
    static const uint64_t addresses[] = {
        PCI_BUS_ECAM_BASE - 1,
        IOAPIC_DEFAULT_BASE + PAGE_SIZE,
        HPET_BASE - 1,
        HPET_BASE + HPET_BYTES,
        0xa0000,
        APIC_DEFAULT_ADDRESS,
        IOAPIC_DEFAULT_BASE | 1ULL << 32,
        UINT64_MAX,
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        uint64_t value = 0x1234;

        assert_false(pc_memory_read(pc, gpa(addresses[i]), 4, &value));
        assert_int_equal(value, 0x1234);
        assert_false(pc_memory_write(pc, gpa(addresses[i]), 4, 1));
    }
}

static void the_lock_is_given_back(void **state)
{
    (void)state;
    write_at(IOAPIC_SELECT, 4, 1);
    assert_int_equal(pc->lock.held, 0);
    (void)read_at(IOAPIC_WINDOW, 4);
    assert_int_equal(pc->lock.held, 0);
    write_at(HPET_CONFIG, 8, 0);
    assert_int_equal(pc->lock.held, 0);
}

// ---- Timers of devices, which the first vCPU keeps ----

// Input 20 gives vector 0x51.
static void unmask_input(void)
{
    write_at(IOAPIC_SELECT, 4, 0x10 + 2 * 20);
    write_at(IOAPIC_WINDOW, 4, 0x51);
}

static void set_hpet_timer(void)
{
    write_at(HPET_CONFIG, 8, 1);
    write_at(HPET_TIMER_0, 8, 1 << 2 | 20 << 9); // interrupt enabled, input 20
    write_at(HPET_COMPARATOR_0, 8, read_at(HPET_COUNTER, 8) + 1000);
}

static void a_timer_set_on_another_cpu_tells_the_first_vcpu(void **state)
{
    struct vcpu *first = fake_machine.vm->vcpus[0];
    (void)state;
    unmask_input();
    first->core.work = 0;
    fake_machine_sleep(fake_machine.vm, 0, WAKE_ALWAYS);
    fake_host.cpu = 1;
    set_hpet_timer();
    assert_true(first->core.work & WORK_TIMERS);
    assert_int_equal(fake_machine.vm->vcpus[1]->core.work & WORK_TIMERS, 0);
    assert_true(fake_host.kicks[0] > 0);
    assert_true(fake_machine_next_event_ns(first) < fake_host.now_ns + MS);
    assert_int_equal(fake_machine_next_event_ns(fake_machine.vm->vcpus[1]), NEVER_NS);
}

// If the timer is due later than the run's deadline, the vCPU only remembers when to look.
static void a_timer_set_by_the_first_vcpu_itself_kicks_nobody(void **state)
{
    struct vcpu *first = fake_machine.vm->vcpus[0];
    (void)state;
    unmask_input();
    fake_machine_set_current(0, first);
    first->core.deadline_ns = fake_host.now_ns;
    first->next_event_ns = NEVER_NS;
    first->core.work = 0;
    set_hpet_timer();
    assert_int_equal(first->core.work & WORK_TIMERS, 0);
    assert_in_range(first->next_event_ns, fake_host.now_ns + 1, fake_host.now_ns + MS);
    first->core.deadline_ns = first->next_event_ns = fake_host.now_ns + 100 * MS;
    set_hpet_timer();
    assert_true(first->core.work & WORK_TIMERS);
    assert_int_equal(fake_host.kicks[0] + fake_host.kicks[1], 0);
    fake_machine_set_current(0, NULL);
}

static void devices_advance_with_the_first_vcpu_only(void **state)
{
    struct vcpu *second = fake_machine.vm->vcpus[1];
    (void)state;
    assert_true(lapic_write(&second->lapic, LAPIC_SVR, 0x1ff, 0));
    write_at(IOAPIC_SELECT, 4, 0x10 + 2 * 20 + 1);
    write_at(IOAPIC_WINDOW, 4, 1U << 24);
    unmask_input();
    set_hpet_timer();
    fake_host.now_ns += MS;
    fake_host.cpu = 1;
    vcpu_advance_timers(second);
    assert_false(vcpu_mail_waits(&second->mail));
    fake_host.cpu = 0;
    vcpu_advance_timers(fake_machine.vm->vcpus[0]);
    assert_true(vcpu_mail_waits(&second->mail));
    assert_int_equal(second->mail.posted.vectors[0x51 / 64], BIT(0x51 % 64));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, fake_machine_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_io_apic_answers_in_its_page),
        TEST(the_hpet_counts_the_vms_time),
        TEST(the_configuration_of_pci_answers),
        TEST(between_them_nobody_answers),
        TEST(the_lock_is_given_back),
        TEST(a_timer_set_on_another_cpu_tells_the_first_vcpu),
        TEST(a_timer_set_by_the_first_vcpu_itself_kicks_nobody),
        TEST(devices_advance_with_the_first_vcpu_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
