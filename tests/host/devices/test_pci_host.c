// SPDX-License-Identifier: MIT
// Tests of PCI configuration by ports and by memory: how accesses reach registers, and what the bus
// has.
#include "vmm/devices/pci_host.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "vmm/devices/pci_function.h"
#include "vmm/util/width.h"

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

// ---- Functions behind the bridge ----

static struct pci_function device;

static void decode(struct pci_output *output, struct pci_function *function)
{
    (void)output;
    (void)function;
}

static void attach(unsigned slot)
{
    static const struct pci_identity identity = {
        .vendor = 0x1af4, .device = 0x1044, .class_revision = 0xff000001};
    static struct pci_output output = {.decode = decode};
    pci_function_init(&device, &identity, NULL, &output, NULL);
    pci_host_attach(&host, slot, &device);
}

static void a_device_answers_in_its_slot_as_function_0(void **state)
{
    (void)state;
    attach(31);
    select(0, 31, 0, 0);
    assert_int_equal(read_data(0, 4), 0x10441af4);
    assert_int_equal(read_data(2, 2), 0x1044);
    select(0, 31, 1, 0);
    assert_int_equal(read_data(0, 4), UINT32_MAX);
    select(1, 31, 0, 0);
    assert_int_equal(read_data(0, 4), UINT32_MAX);
    select(0, 30, 0, 0);
    assert_int_equal(read_data(0, 4), UINT32_MAX);
}

static void writes_reach_the_bytes_that_are_meant(void **state)
{
    (void)state;
    attach(1);
    select(0, 1, 0, PCI_COMMAND);
    pci_host_write(&host, 4, 1, PCI_COMMAND_MASTER);
    assert_true(pci_function_is_master(&device));
    pci_host_write(&host, 5, 1, 0);
    pci_host_write(&host, 6, 2, 0);
    pci_host_write(&host, 7, 2, 0); // beyond the data ports
    assert_true(pci_function_is_master(&device));
    pci_host_write(&host, 4, 2, 0);
    assert_false(pci_function_is_master(&device));
}

static void memory_leads_to_the_same_registers(void **state)
{
    (void)state;
    attach(2);
    assert_int_equal(pci_host_ecam_read(&host, 0, 4), 0x12378086);
    assert_int_equal(pci_host_ecam_read(&host, 2, 1), 0x37);
    assert_int_equal(pci_host_ecam_read(&host, 0, 8), 0x0280000612378086);
    assert_int_equal(pci_host_ecam_read(&host, 2 << 15, 2), 0x1af4);
    pci_host_ecam_write(&host, 2 << 15 | PCI_COMMAND, 4, PCI_COMMAND_MASTER);
    assert_true(pci_function_is_master(&device));
    pci_host_ecam_write(&host, 2 << 15, 8, 0);
    assert_false(pci_function_is_master(&device));
}

static void memory_of_absent_registers_reads_all_ones(void **state)
{
    (void)state;
    static const unsigned widths[] = {1, 2, 4, 8};
    attach(2);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t ones = pci_host_ecam_read(&host, 1 << 15, widths[i]);
        assert_int_equal(ones, width_ones(widths[i]));
        assert_int_equal(pci_host_ecam_read(&host, 2 << 15 | 1 << 12, widths[i]), ones);
        assert_int_equal(pci_host_ecam_read(&host, 2 << 15 | 0x100, widths[i]), ones);
        assert_int_equal(pci_host_ecam_read(&host, 2 << 15 | 0xfff, widths[i]), ones);
        assert_int_equal(pci_host_ecam_read(&host, PCI_HOST_ECAM_BYTES - 1, widths[i]), ones);
        pci_host_ecam_write(&host, 2 << 15 | 0xfff, widths[i], 0);
        pci_host_ecam_write(&host, 3 << 15, widths[i], 0);
    }
    assert_int_equal(pci_host_ecam_read(&host, 2 << 15 | 0xfc, 8), 0xffffffff00000000);
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
        cmocka_unit_test_setup(a_device_answers_in_its_slot_as_function_0, set_up),
        cmocka_unit_test_setup(writes_reach_the_bytes_that_are_meant, set_up),
        cmocka_unit_test_setup(memory_leads_to_the_same_registers, set_up),
        cmocka_unit_test_setup(memory_of_absent_registers_reads_all_ones, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
