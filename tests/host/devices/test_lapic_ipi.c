// SPDX-License-Identifier: MIT
// Tests of messages between local APICs. Four of them are wired as in a VM.
#include "vmm/devices/lapic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/msr_numbers.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic_ipi.h"
#include "vmm/devices/lapic_mode.h"
#include "vmm/devices/lapic_registers.h"

#define CPUS 4
#define VECTOR 0x55

enum { SELF = 1 << 18, ALL = 2 << 18, OTHERS = 3 << 18, LOGICAL = 1 << 11, ASSERT = 1 << 14 };
enum { LOWEST = 1 << 8, SMI = 2 << 8, NMI = 4 << 8, INIT = 5 << 8, STARTUP = 6 << 8 };

static struct cpu {
    struct lapic lapic;
    struct lapic_output output;
    unsigned nmis;
    unsigned inits;
    unsigned startup; // vector of the last SIPI
    unsigned sent;    // calls of send_ipi
} cpus[CPUS];

static struct cpu *cpu_of(struct lapic_output *output)
{
    return container_of(output, struct cpu, output);
}

static void send_ipi(struct lapic_output *output, const struct apic_message *message)
{
    struct cpu *sender = cpu_of(output);
    sender->sent++;
    for (unsigned i = 0; i < CPUS; i++) {
        if (&cpus[i] == sender || !lapic_is_addressed(&cpus[i].lapic, message)) {
            continue;
        }
        lapic_deliver(&cpus[i].lapic, message);
        if (message->delivery == APIC_LOWEST_PRIORITY) {
            return;
        }
    }
}

static void no_eoi(struct lapic_output *output, uint8_t vector)
{
    (void)output;
    (void)vector;
    fail();
}

static void nmi(struct lapic_output *output)
{
    cpu_of(output)->nmis++;
}

static void init(struct lapic_output *output)
{
    cpu_of(output)->inits++;
    lapic_init_received(&cpu_of(output)->lapic);
}

static void startup(struct lapic_output *output, uint8_t vector)
{
    cpu_of(output)->startup = vector;
}

static void put(unsigned cpu, unsigned reg, uint64_t value)
{
    assert_true(lapic_write(&cpus[cpu].lapic, reg, value, 0));
}

static int set_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CPUS; i++) {
        cpus[i] = (struct cpu){.output = {send_ipi, no_eoi, nmi, init, startup}};
        lapic_init(&cpus[i].lapic, &cpus[i].output, i, i == 0, 40);
        put(i, LAPIC_SVR, 0x1ff);
        put(i, LAPIC_LDR, 1U << (24 + i));
    }
    return 0;
}

static void set_up_x2apic(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        struct lapic *lapic = &cpus[i].lapic;
        assert_true(lapic_set_base(lapic, lapic_base(lapic) | APIC_BASE_X2APIC));
    }
}

static void send(unsigned from, uint32_t destination, uint32_t low)
{
    if (lapic_mode(&cpus[from].lapic) == LAPIC_X2APIC) {
        put(from, LAPIC_ICR, (uint64_t)destination << 32 | low);
    } else {
        put(from, LAPIC_ICR_HIGH, destination << 24);
        put(from, LAPIC_ICR, low);
    }
}

// A bit for each CPU that got the vector. Takes the vector from these CPUs.
static unsigned receivers(void)
{
    unsigned set = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        if (lapic_pending(&cpus[i].lapic) == VECTOR) {
            set |= 1U << i;
            lapic_accept(&cpus[i].lapic, VECTOR);
            lapic_eoi(&cpus[i].lapic);
        }
    }
    return set;
}

static void test_physical(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        for (unsigned from = 0; from < CPUS; from++) {
            for (unsigned to = 0; to < CPUS; to++) {
                send(from, to, VECTOR);
                assert_int_equal(receivers(), 1 << to);
            }
            send(from, 77, VECTOR);
            assert_int_equal(receivers(), 0);
        }
        set_up_x2apic();
    }
}

static void test_a_message_to_oneself_stays_inside(void **state)
{
    (void)state;
    send(1, 1, VECTOR);
    send(1, 0, SELF | VECTOR);
    assert_int_equal(cpus[1].sent, 0);
    assert_int_equal(receivers(), 2);
}

static void test_broadcast_and_shorthands(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        uint32_t everyone = mode ? 0xffffffff : 0xff;
        send(2, everyone, VECTOR);
        assert_int_equal(receivers(), 0xf);
        send(2, everyone, LOGICAL | VECTOR);
        assert_int_equal(receivers(), 0xf);
        send(2, 0, SELF | VECTOR);
        assert_int_equal(receivers(), 0x4);
        send(2, 0, ALL | VECTOR);
        assert_int_equal(receivers(), 0xf);
        send(2, 0, OTHERS | VECTOR);
        assert_int_equal(receivers(), 0xb);
        set_up_x2apic();
    }
}

static void test_logical_flat(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 16; set++) {
        send(1, set, LOGICAL | VECTOR);
        assert_int_equal(receivers(), set);
    }
    send(1, 0xf0, LOGICAL | VECTOR);
    assert_int_equal(receivers(), 0);
}

static void test_logical_cluster(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CPUS; i++) {
        put(i, LAPIC_DFR, 0x0fffffff);
        put(i, LAPIC_LDR, (i / 2) << 28 | 1U << (24 + i % 2));
    }
    send(0, 0x03, LOGICAL | VECTOR);
    assert_int_equal(receivers(), 0x3);
    send(0, 0x12, LOGICAL | VECTOR);
    assert_int_equal(receivers(), 0x8);
    send(0, 0x2f, LOGICAL | VECTOR);
    assert_int_equal(receivers(), 0);
}

static void test_logical_x2apic(void **state)
{
    (void)state;
    set_up_x2apic();
    send(0, 0x0000000c, LOGICAL | VECTOR);
    assert_int_equal(receivers(), 0xc);
    send(0, 0x0001000c, LOGICAL | VECTOR); // another cluster
    assert_int_equal(receivers(), 0);
}

static void test_lowest_priority_reaches_one(void **state)
{
    (void)state;
    send(0, 0x0f, LOGICAL | LOWEST | VECTOR);
    assert_int_equal(receivers(), 0x1);
    send(0, 0x0e, LOGICAL | LOWEST | VECTOR);
    assert_int_equal(receivers(), 0x2);
    send(0, 0xff, LOWEST | VECTOR);
    assert_int_equal(receivers(), 0x1);
}

static void test_nmi(void **state)
{
    (void)state;
    send(0, 2, NMI);
    send(0, 0, OTHERS | NMI);
    assert_int_equal(cpus[0].nmis, 0);
    assert_int_equal(cpus[1].nmis, 1);
    assert_int_equal(cpus[2].nmis, 2);
    send(0, 0, NMI); // to the sender itself, by its number
    assert_int_equal(cpus[0].nmis, 1);
}

static void test_init_and_startup(void **state)
{
    (void)state;
    send(0, 0, OTHERS | INIT | ASSERT);
    assert_int_equal(cpus[0].inits, 0);
    assert_int_equal(cpus[1].inits + cpus[2].inits + cpus[3].inits, 3);
    send(0, 1, INIT | 1 << 15); // INIT level de-assert does nothing
    assert_int_equal(cpus[1].inits, 1);
    send(0, 3, STARTUP | 0x9a);
    assert_int_equal(cpus[3].startup, 0x9a);
    assert_int_equal(cpus[1].startup, 0);
}

// The guest sends INIT to itself. That resets the model in the middle of a write.
static void test_init_to_oneself(void **state)
{
    (void)state;
    send(1, 1, INIT | ASSERT);
    assert_int_equal(cpus[1].inits, 1);
    assert_int_equal(cpus[1].lapic.svr, 0xff);
}

static void test_invalid_combinations_do_nothing(void **state)
{
    (void)state;
    send(0, 0, SELF | NMI);
    send(0, 0, ALL | INIT | ASSERT);
    send(0, 0, SELF | LOWEST | VECTOR);
    send(0, 1, 3 << 8 | VECTOR);
    send(0, 1, 7 << 8 | VECTOR);
    send(0, 1, SMI);
    assert_int_equal(receivers(), 0);
    for (unsigned i = 0; i < CPUS; i++) {
        assert_int_equal(cpus[i].nmis + cpus[i].inits, 0);
    }
}

static void test_illegal_vectors(void **state)
{
    uint64_t esr;
    (void)state;
    for (unsigned vector = 0; vector < 16; vector++) {
        send(0, 1, vector);
    }
    send(0, 0, SELF | 5);
    put(0, LAPIC_ESR, 0);
    assert_true(lapic_read(&cpus[0].lapic, LAPIC_ESR, 0, &esr));
    assert_int_equal(esr, 0x20);
    put(1, LAPIC_ESR, 0);
    assert_true(lapic_read(&cpus[1].lapic, LAPIC_ESR, 0, &esr));
    assert_int_equal(esr, 0);
}

static void test_icr_reads_back(void **state)
{
    uint64_t value;
    (void)state;
    send(0, 0x12, 0xfffff000 | 1 << 10 | VECTOR);
    assert_true(lapic_read(&cpus[0].lapic, LAPIC_ICR, 0, &value));
    assert_int_equal(value, 0xcc400 | VECTOR); // "send pending" is never set
    assert_true(lapic_read(&cpus[0].lapic, LAPIC_ICR_HIGH, 0, &value));
    assert_int_equal(value, 0x12000000);
    set_up_x2apic();
    send(0, 0x12345678, 1 << 12 | VECTOR);
    assert_true(lapic_read(&cpus[0].lapic, LAPIC_ICR, 0, &value));
    assert_true(value == (0x1234567800000000 | VECTOR));
}

static void test_disabled_receivers(void **state)
{
    (void)state;
    put(1, LAPIC_SVR, 0xff);
    assert_true(lapic_set_base(&cpus[2].lapic, APIC_DEFAULT_ADDRESS));
    send(0, 0, OTHERS | VECTOR);
    assert_int_equal(receivers(), 0x8);
    send(0, 0, OTHERS | NMI); // an APIC that software has disabled still takes NMI
    assert_int_equal(cpus[1].nmis, 1);
    assert_int_equal(cpus[2].nmis, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_physical, set_up),
        cmocka_unit_test_setup(test_a_message_to_oneself_stays_inside, set_up),
        cmocka_unit_test_setup(test_broadcast_and_shorthands, set_up),
        cmocka_unit_test_setup(test_logical_flat, set_up),
        cmocka_unit_test_setup(test_logical_cluster, set_up),
        cmocka_unit_test_setup(test_logical_x2apic, set_up),
        cmocka_unit_test_setup(test_lowest_priority_reaches_one, set_up),
        cmocka_unit_test_setup(test_nmi, set_up),
        cmocka_unit_test_setup(test_init_and_startup, set_up),
        cmocka_unit_test_setup(test_init_to_oneself, set_up),
        cmocka_unit_test_setup(test_invalid_combinations_do_nothing, set_up),
        cmocka_unit_test_setup(test_illegal_vectors, set_up),
        cmocka_unit_test_setup(test_icr_reads_back, set_up),
        cmocka_unit_test_setup(test_disabled_receivers, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
