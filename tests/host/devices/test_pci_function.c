// SPDX-License-Identifier: MIT
// Tests of a PCI function's configuration space and base addresses.
#include "vmm/devices/pci_function.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "tests/host/fake_device.h"

enum { BAR_PORTS = 0, BAR_SMALL = 1, BAR_HIGH = 2 };
#define PORTS_BYTES 32
#define SMALL_BYTES 4096
#define HIGH_BYTES (8 * GIB)
#define OWN_ID 0x09

struct access {
    unsigned bar;
    uint64_t offset;
    unsigned width;
    uint64_t value;
};

static struct pci_function function;
static struct fake_line line;
static struct access last;
static unsigned accesses;
static unsigned decodes;
static unsigned own;
static unsigned config_reads;
static unsigned config_writes;
static unsigned commands;

static uint64_t bar_read(struct pci_function *from, unsigned bar, uint64_t offset, unsigned width)
{
    assert_ptr_equal(from, &function);
    last = (struct access){.bar = bar, .offset = offset, .width = width};
    accesses++;
    return 0x8877665544332211;
}

static void bar_write(struct pci_function *to, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value)
{
    assert_ptr_equal(to, &function);
    last = (struct access){.bar = bar, .offset = offset, .width = width, .value = value};
    accesses++;
}

static void config_read(struct pci_function *from, unsigned offset, unsigned width)
{
    (void)offset;
    (void)width;
    pci_function_set(from, own + 4, 4, ++config_reads);
}

static void config_written(struct pci_function *to, unsigned offset, unsigned width)
{
    (void)to;
    (void)offset;
    (void)width;
    config_writes++;
}

static void decode(struct pci_output *output, struct pci_function *changed)
{
    (void)output;
    assert_ptr_equal(changed, &function);
    decodes++;
}

static void command_written(struct pci_function *to)
{
    (void)to;
    commands++;
}

static const struct pci_function_ops ops = {bar_read, bar_write, config_read, config_written,
                                            command_written};
static struct pci_output output = {.decode = decode};

static int set_up(void **state)
{
    (void)state;
    static const struct pci_identity identity = {.vendor = 0x1af4,
                                                 .device = 0x1044,
                                                 .subsystem_vendor = 0x1234,
                                                 .subsystem = 0x5678,
                                                 .class_revision = 0xff000001};
    fake_line_init(&line);
    pci_function_init(&function, &identity, &ops, &output, &line.line);
    pci_function_add_bar(&function, BAR_PORTS, PCI_BAR_PORTS, PORTS_BYTES);
    pci_function_add_bar(&function, BAR_SMALL, PCI_BAR_MEMORY32, SMALL_BYTES);
    pci_function_add_bar(&function, BAR_HIGH, PCI_BAR_WIDE, HIGH_BYTES);
    own = pci_function_add_capability(&function, OWN_ID, 8);
    accesses = 0;
    decodes = 0;
    config_reads = 0;
    config_writes = 0;
    commands = 0;
    return 0;
}

static uint32_t get(unsigned offset)
{
    return pci_function_config_read(&function, offset, 4);
}

static void put(unsigned offset, uint32_t value)
{
    pci_function_config_write(&function, offset, 4, value);
}

static void the_header_says_who_it_is(void **state)
{
    (void)state;
    assert_int_equal(get(PCI_ID), 0x10441af4);
    assert_int_equal(get(PCI_COMMAND), PCI_STATUS_CAPABILITIES);
    assert_int_equal(get(PCI_CLASS), 0xff000001);
    assert_int_equal(get(PCI_HEADER_TYPE), 0);
    assert_int_equal(get(PCI_SUBSYSTEM), 0x56781234);
    assert_int_equal(get(PCI_INTERRUPT), 0x0100);
}

static void read_only_bits_stay(void **state)
{
    (void)state;
    for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset += 4) {
        put(offset, 0);
    }
    the_header_says_who_it_is(state);
    for (unsigned offset = 0; offset < PCI_CONFIG_BYTES; offset += 4) {
        put(offset, UINT32_MAX);
    }
    assert_int_equal(get(PCI_ID), 0x10441af4);
    assert_int_equal(get(PCI_COMMAND), PCI_STATUS_CAPABILITIES | 0x407);
    assert_int_equal(get(PCI_CLASS), 0xff000001);
    assert_int_equal(get(PCI_HEADER_TYPE), 0);
    assert_int_equal(get(PCI_BAR + 16), 0);
    assert_int_equal(get(PCI_BAR + 20), 0);
    assert_int_equal(get(0x30), 0); // no expansion ROM
    assert_int_equal(get(PCI_INTERRUPT), 0x01ff);
}

static void bars_tell_their_size(void **state)
{
    (void)state;
    for (unsigned bar = 0; bar < 4; bar++) {
        put(PCI_BAR + 4 * bar, UINT32_MAX);
    }
    assert_int_equal(get(PCI_BAR), 0xffe1); // 16 bits of port
    assert_int_equal(get(PCI_BAR + 4), 0xfffff000);
    assert_int_equal(get(PCI_BAR + 8), 4);
    assert_int_equal(get(PCI_BAR + 12), 0xfffffffe);
}

static void bars_answer_where_they_are_put_once_they_may(void **state)
{
    (void)state;
    uint64_t base;
    put(PCI_BAR, 0x12345c07);
    put(PCI_BAR + 4, 0xfe001234);
    put(PCI_BAR + 12, 0x00000123);
    for (unsigned bar = 0; bar < PCI_BARS; bar++) {
        assert_false(pci_function_answers(&function, bar, &base));
    }
    put(PCI_COMMAND, PCI_COMMAND_IO);
    assert_true(pci_function_answers(&function, BAR_PORTS, &base));
    assert_int_equal(base, 0x5c00);
    assert_false(pci_function_answers(&function, BAR_SMALL, &base));
    put(PCI_COMMAND, PCI_COMMAND_MEMORY);
    assert_false(pci_function_answers(&function, BAR_PORTS, &base));
    assert_true(pci_function_answers(&function, BAR_SMALL, &base));
    assert_int_equal(base, 0xfe001000);
    assert_true(pci_function_answers(&function, BAR_HIGH, &base));
    assert_int_equal(base, 0x12200000000);
    assert_false(pci_function_answers(&function, BAR_HIGH + 1, &base));
    put(PCI_BAR + 4, 0);
    assert_false(pci_function_answers(&function, BAR_SMALL, &base));
}

static void the_bus_is_told_of_changes_only(void **state)
{
    (void)state;
    put(PCI_BAR + 4, 0xfe000000);
    assert_int_equal(decodes, 1);
    put(PCI_BAR + 4, 0xfe000000);
    put(PCI_BAR + 4, 0xfe000004);
    assert_int_equal(decodes, 1);
    put(PCI_COMMAND, PCI_COMMAND_MEMORY);
    assert_int_equal(decodes, 2);
    put(PCI_INTERRUPT, 11);
    assert_int_equal(decodes, 2);
    pci_function_config_write(&function, PCI_BAR + 3 + 4, 1, 0xfd); // one byte of it
    assert_int_equal(decodes, 3);
    pci_function_config_write(&function, PCI_BAR + 3 + 12, 4, 0); // unaligned, from BAR 3 on
    assert_int_equal(decodes, 3);
}

static void accesses_that_fit_reach_the_device(void **state)
{
    (void)state;
    assert_int_equal(pci_function_bar_read(&function, BAR_SMALL, 0xffc, 4), 0x44332211);
    assert_int_equal(last.offset, 0xffc);
    assert_int_equal(pci_function_bar_read(&function, BAR_HIGH, HIGH_BYTES - 8, 8),
                     0x8877665544332211);
    assert_int_equal(last.bar, BAR_HIGH);
    pci_function_bar_write(&function, BAR_PORTS, 31, 1, 0x55);
    assert_int_equal(last.bar, BAR_PORTS);
    assert_int_equal(last.value, 0x55);
    assert_int_equal(accesses, 3);
    assert_int_equal(pci_function_bar_read(&function, BAR_SMALL, 0xffd, 4), UINT32_MAX);
    assert_int_equal(pci_function_bar_read(&function, BAR_HIGH, UINT64_MAX - 1, 8), UINT64_MAX);
    pci_function_bar_write(&function, BAR_PORTS, 31, 2, 0x55);
    pci_function_bar_write(&function, BAR_PORTS, PORTS_BYTES, 1, 0x55);
    assert_int_equal(accesses, 3);
}

static void capabilities_are_a_list(void **state)
{
    (void)state;
    unsigned next = pci_function_add_capability(&function, OWN_ID, 5);
    unsigned third = pci_function_add_capability(&function, OWN_ID, 4);
    assert_int_equal(get(PCI_CAPABILITIES), own);
    assert_int_equal(own, 0x40);
    assert_int_equal(get(own), OWN_ID | next << 8);
    assert_int_equal(next, 0x48);
    assert_int_equal(get(next), OWN_ID | third << 8);
    assert_int_equal(third, 0x50);
    assert_int_equal(get(third), OWN_ID);
}

static void watched_bytes_are_the_devices(void **state)
{
    (void)state;
    pci_function_watch(&function, own + 4, 4);
    assert_int_equal(get(own + 4), 1);
    assert_int_equal(get(own + 4), 2);
    assert_int_equal(pci_function_config_read(&function, own + 2, 2), 0);
    assert_int_equal(pci_function_config_read(&function, own + 7, 2), 0);
    assert_int_equal(config_reads, 3);
    put(own + 4, 7);
    put(own, 7);
    put(own + 8, 7);
    pci_function_config_write(&function, own + 3, 2, 0);
    assert_int_equal(config_writes, 2);
}

static void the_device_is_told_of_its_command_register(void **state)
{
    (void)state;
    put(PCI_COMMAND, PCI_COMMAND_MASTER);
    put(PCI_COMMAND, PCI_COMMAND_MASTER);
    assert_int_equal(commands, 1);
    pci_function_config_write(&function, PCI_COMMAND + 1, 1, 4);
    assert_int_equal(commands, 2);
    put(PCI_BAR, 0x1000);
    pci_function_config_write(&function, PCI_COMMAND + 2, 2, UINT32_MAX);
    assert_int_equal(commands, 2);
}

static void outside_of_the_space_there_is_nothing(void **state)
{
    (void)state;
    assert_int_equal(pci_function_config_read(&function, 256, 4), UINT32_MAX);
    assert_int_equal(pci_function_config_read(&function, 253, 4), UINT32_MAX);
    assert_int_equal(pci_function_config_read(&function, 0xfff, 1), 0xff);
    assert_int_equal(pci_function_config_read(&function, 255, 2), 0xffff);
    pci_function_config_write(&function, 255, 2, UINT32_MAX);
    pci_function_config_write(&function, 0xfff, 4, UINT32_MAX);
    assert_int_equal(decodes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_header_says_who_it_is, set_up),
        cmocka_unit_test_setup(read_only_bits_stay, set_up),
        cmocka_unit_test_setup(bars_tell_their_size, set_up),
        cmocka_unit_test_setup(bars_answer_where_they_are_put_once_they_may, set_up),
        cmocka_unit_test_setup(the_bus_is_told_of_changes_only, set_up),
        cmocka_unit_test_setup(accesses_that_fit_reach_the_device, set_up),
        cmocka_unit_test_setup(capabilities_are_a_list, set_up),
        cmocka_unit_test_setup(watched_bytes_are_the_devices, set_up),
        cmocka_unit_test_setup(the_device_is_told_of_its_command_register, set_up),
        cmocka_unit_test_setup(outside_of_the_space_there_is_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
