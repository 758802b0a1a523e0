// SPDX-License-Identifier: MIT
// Tests of the I/O APIC: redirection table, edges and levels, end of interrupt.
#include "vmm/devices/ioapic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/devices/apic_message.h"
#include "vmm/util/types.h"

enum { SELECT = 0x00, WINDOW = 0x10, EOI = 0x40 };
enum { LEVEL = 1 << 15, MASKED = 1 << 16, REMOTE_IRR = 1 << 14 };

static struct ioapic ioapic;
static struct ioapic_output output;
static struct apic_message last;
static unsigned delivered;

static void deliver(struct ioapic_output *self, const struct apic_message *message)
{
    (void)self;
    last = *message;
    delivered++;
}

static int set_up(void **state)
{
    (void)state;
    output = (struct ioapic_output){deliver};
    delivered = 0;
    ioapic_init(&ioapic, &output);
    return 0;
}

static uint32_t get(unsigned index)
{
    ioapic_write(&ioapic, SELECT, index);
    return ioapic_read(&ioapic, WINDOW);
}

static void put(unsigned index, uint32_t value)
{
    ioapic_write(&ioapic, SELECT, index);
    ioapic_write(&ioapic, WINDOW, value);
}

static void set_entry(unsigned pin, uint32_t high, uint32_t low)
{
    put(0x11 + 2 * pin, high);
    put(0x10 + 2 * pin, low);
}

static void test_registers(void **state)
{
    (void)state;
    assert_int_equal(get(0), 0);
    assert_int_equal(get(1), 0x00170020);
    put(0, 0xffffffff);
    put(1, 0xffffffff);
    assert_int_equal(get(0), 0xff000000);
    assert_int_equal(get(2), 0xff000000);
    assert_int_equal(get(1), 0x00170020);
    assert_int_equal(ioapic_read(&ioapic, SELECT), 1);
    for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
        assert_int_equal(get(0x10 + 2 * pin), MASKED);
        set_entry(pin, 0xffffffff, 0xffffffff);
        assert_int_equal(get(0x10 + 2 * pin), 0x1afff);
        assert_int_equal(get(0x11 + 2 * pin), 0xff000000);
    }
    assert_int_equal(delivered, 0);
}

static void test_what_does_not_exist_reads_0(void **state)
{
    (void)state;
    for (unsigned index = 0; index < 256; index++) {
        if (index < 3 || (index >= 0x10 && index < 0x40)) {
            continue;
        }
        put(index, 0xffffffff);
        assert_int_equal(get(index), 0);
    }
    assert_int_equal(ioapic_read(&ioapic, 0x20), 0);
    assert_int_equal(ioapic_read(&ioapic, EOI), 0);
    assert_int_equal(ioapic_read(&ioapic, 0xffffffff), 0);
    ioapic_write(&ioapic, 0x30, 1);
    ioapic_set_pin(&ioapic, IOAPIC_PINS, true);
    ioapic_set_pin(&ioapic, 0xffffffff, true);
    assert_int_equal(delivered, 0);
}

static void test_edge(void **state)
{
    (void)state;
    set_entry(4, 0x07000000, 0x41);
    ioapic_set_pin(&ioapic, 4, true);
    assert_int_equal(delivered, 1);
    assert_int_equal(last.vector, 0x41);
    assert_int_equal(last.delivery, APIC_FIXED);
    assert_int_equal(last.destination, 7);
    assert_false(last.logical);
    assert_false(last.level);
    ioapic_set_pin(&ioapic, 4, true);
    assert_int_equal(delivered, 1);
    ioapic_set_pin(&ioapic, 4, false);
    ioapic_set_pin(&ioapic, 4, true);
    assert_int_equal(delivered, 2);
}

static void test_edge_on_a_masked_pin_is_lost(void **state)
{
    (void)state;
    set_entry(4, 0, MASKED | 0x41);
    ioapic_set_pin(&ioapic, 4, true);
    set_entry(4, 0, 0x41);
    assert_int_equal(delivered, 0);
}

static void test_message_fields(void **state)
{
    (void)state;
    set_entry(0, 0xff000000, 0x900 | 0x99); // lowest priority, logical, everyone
    ioapic_set_pin(&ioapic, 0, true);
    assert_int_equal(last.delivery, APIC_LOWEST_PRIORITY);
    assert_true(last.logical);
    assert_true(last.destination == 0xffffffff);
    set_entry(1, 0, 0x400 | LEVEL); // NMI is an edge, whatever the entry says
    ioapic_set_pin(&ioapic, 1, true);
    assert_int_equal(last.delivery, APIC_NMI);
    assert_int_equal(get(0x12), 0x400 | LEVEL);
}

static void test_level(void **state)
{
    (void)state;
    set_entry(9, 0, LEVEL | 0x51);
    ioapic_set_pin(&ioapic, 9, true);
    assert_int_equal(delivered, 1);
    assert_true(last.level);
    assert_int_equal(get(0x22), LEVEL | REMOTE_IRR | 0x51);
    ioapic_set_pin(&ioapic, 9, false);
    ioapic_set_pin(&ioapic, 9, true);
    assert_int_equal(delivered, 1); // the last interrupt has not ended
    ioapic_eoi(&ioapic, 0x50);      // the vector of another interrupt
    assert_int_equal(delivered, 1);
    ioapic_eoi(&ioapic, 0x51);
    assert_int_equal(delivered, 2); // the pin is still asserted
    ioapic_set_pin(&ioapic, 9, false);
    ioapic_write(&ioapic, EOI, 0x51);
    assert_int_equal(get(0x22), LEVEL | 0x51);
    assert_int_equal(delivered, 2);
}

static void test_level_on_a_masked_pin_waits(void **state)
{
    (void)state;
    set_entry(9, 0, LEVEL | MASKED | 0x51);
    ioapic_set_pin(&ioapic, 9, true);
    assert_int_equal(delivered, 0);
    put(0x22, LEVEL | 0x51);
    assert_int_equal(delivered, 1);
}

static void test_two_pins_with_one_vector(void **state)
{
    (void)state;
    set_entry(9, 0, LEVEL | 0x51);
    set_entry(10, 0, LEVEL | 0x51);
    ioapic_set_pin(&ioapic, 9, true);
    ioapic_set_pin(&ioapic, 10, true);
    ioapic_set_pin(&ioapic, 9, false);
    assert_int_equal(delivered, 2);
    ioapic_eoi(&ioapic, 0x51);
    assert_int_equal(delivered, 3);
}

// Linux frees a pin so when its EOI was lost: it masks the pin as an edge, then sets it back.
static void test_edge_clears_remote_irr(void **state)
{
    (void)state;
    set_entry(9, 0, LEVEL | 0x51);
    ioapic_set_pin(&ioapic, 9, true);
    put(0x22, MASKED | 0x51);
    assert_int_equal(get(0x22), MASKED | 0x51);
    put(0x22, LEVEL | 0x51);
    assert_int_equal(delivered, 2);
}

static void test_reset(void **state)
{
    (void)state;
    set_entry(9, 0, LEVEL | 0x51);
    put(0, 0xffffffff);
    ioapic_reset(&ioapic);
    assert_int_equal(get(0), 0);
    assert_int_equal(get(0x22), MASKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_registers, set_up),
        cmocka_unit_test_setup(test_what_does_not_exist_reads_0, set_up),
        cmocka_unit_test_setup(test_edge, set_up),
        cmocka_unit_test_setup(test_edge_on_a_masked_pin_is_lost, set_up),
        cmocka_unit_test_setup(test_message_fields, set_up),
        cmocka_unit_test_setup(test_level, set_up),
        cmocka_unit_test_setup(test_level_on_a_masked_pin_waits, set_up),
        cmocka_unit_test_setup(test_two_pins_with_one_vector, set_up),
        cmocka_unit_test_setup(test_edge_clears_remote_irr, set_up),
        cmocka_unit_test_setup(test_reset, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
