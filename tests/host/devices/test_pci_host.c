// SPDX-License-Identifier: MIT
// Tests of PCI configuration mechanism 1: how accesses reach registers, and what the bus has.
#include "vmm/devices/pci_host.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ENABLE 0x80000000U

static struct pci_host host;

static int set_up(void **state)
{
    (void)state;
    pci_host_init(&host);
    return 0;
}

static void select(unsigned bus, unsigned device, unsigned function, unsigned reg)
{
    pci_host_write(&host, 0, 4, ENABLE | bus << 16 | device << 11 | function << 8 | reg);
}

static uint32_t read_data(unsigned byte, unsigned width)
{
    return pci_host_read(&host, 4 + byte, width);
}

static void device_0_is_a_host_bridge(void **state)
{
    (void)state;
    select(0, 0, 0, 0);
    assert_int_equal(read_data(0, 4), 0x12378086);
    select(0, 0, 0, 8);
    assert_int_equal(read_data(0, 4) >> 8, 0x060000);
    select(0, 0, 0, 0x0c);
    assert_int_equal(read_data(2, 1), 0); // an ordinary header, one function
    for (unsigned reg = 0x10; reg < 0x100; reg += 4) {
        select(0, 0, 0, reg);
        assert_int_equal(read_data(0, 4), 0);
    }
}

static void registers_are_read_in_any_part(void **state)
{
    (void)state;
    select(0, 0, 0, 0);
    assert_int_equal(read_data(0, 2), 0x8086);
    assert_int_equal(read_data(2, 2), 0x1237);
    assert_int_equal(read_data(1, 2), 0x3780);
    assert_int_equal(read_data(0, 1), 0x86);
    assert_int_equal(read_data(3, 1), 0x12);
    assert_int_equal(read_data(2, 4), UINT32_MAX); // beyond the data ports
    assert_int_equal(read_data(3, 2), 0xffff);
}

static void all_other_functions_are_absent(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 0x10000; i++) {
        select(i >> 8, i >> 3 & 31, i & 7, 0);
        assert_int_equal(read_data(0, 4), UINT32_MAX);
        assert_int_equal(read_data(0, 2), 0xffff);
        assert_int_equal(read_data(0, 1), 0xff);
    }
}

static void without_the_enable_bit_nothing_answers(void **state)
{
    (void)state;
    pci_host_write(&host, 0, 4, 0);
    assert_int_equal(read_data(0, 4), UINT32_MAX);
}

static void the_address_is_kept_as_a_double_word(void **state)
{
    (void)state;
    assert_int_equal(pci_host_read(&host, 0, 4), 0);
    pci_host_write(&host, 0, 4, UINT32_MAX);
    assert_int_equal(pci_host_read(&host, 0, 4), 0x80fffffc);
    select(0, 0, 0, 8);
    pci_host_write(&host, 0, 1, 0);
    pci_host_write(&host, 0, 2, 0);
    pci_host_write(&host, 1, 1, 6);
    pci_host_write(&host, 2, 4, 0);
    assert_int_equal(pci_host_read(&host, 0, 4), ENABLE | 8);
    for (unsigned offset = 0; offset < 4; offset++) {
        assert_int_equal(pci_host_read(&host, offset, 1), 0xff);
        assert_int_equal(pci_host_read(&host, offset, 2), 0xffff);
    }
    pci_host_reset(&host);
    assert_int_equal(pci_host_read(&host, 0, 4), 0);
}

static void writes_to_the_bridge_change_nothing(void **state)
{
    (void)state;
    for (unsigned reg = 0; reg < 0x100; reg += 4) {
        select(0, 0, 0, reg);
        uint32_t before = read_data(0, 4);
        // Operating systems write this to find the size of a base address.
        pci_host_write(&host, 4, 4, UINT32_MAX);
        assert_int_equal(read_data(0, 4), before);
        pci_host_write(&host, 5, 1, 0);
        assert_int_equal(read_data(0, 4), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(device_0_is_a_host_bridge, set_up),
        cmocka_unit_test_setup(registers_are_read_in_any_part, set_up),
        cmocka_unit_test_setup(all_other_functions_are_absent, set_up),
        cmocka_unit_test_setup(without_the_enable_bit_nothing_answers, set_up),
        cmocka_unit_test_setup(the_address_is_kept_as_a_double_word, set_up),
        cmocka_unit_test_setup(writes_to_the_bridge_change_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
