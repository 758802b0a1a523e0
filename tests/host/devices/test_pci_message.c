// SPDX-License-Identifier: MIT
// Tests of a PCI function's interrupts: INTA, MSI and MSI-X.
#include "vmm/devices/pci_message.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "tests/host/fake_device.h"
#include "vmm/devices/pci_function.h"

#define VECTORS 3
#define TABLE 0x800
#define PENDING 0xc00
#define MSIX_BAR 1
#define ADDRESS 0xfee00000U

static struct pci_function function;
static struct fake_line line;
static unsigned msi;
static unsigned msix;
static unsigned messages;
static uint64_t last_address;
static uint32_t last_data;
static unsigned device_accesses;

static uint64_t bar_read(struct pci_function *from, unsigned bar, uint64_t offset, unsigned width)
{
    (void)from;
    (void)bar;
    (void)offset;
    (void)width;
    device_accesses++;
    return 0;
}

static void bar_write(struct pci_function *to, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value)
{
    (void)to;
    (void)bar;
    (void)offset;
    (void)width;
    (void)value;
    device_accesses++;
}

static void decode(struct pci_output *output, struct pci_function *changed)
{
    (void)output;
    (void)changed;
}

static void message(struct pci_output *output, uint64_t address, uint32_t data)
{
    (void)output;
    messages++;
    last_address = address;
    last_data = data;
}

static void command(uint64_t bits)
{
    pci_function_config_write(&function, PCI_COMMAND, 2, (uint32_t)bits);
}

static int set_up(void **state)
{
    (void)state;
    static const struct pci_function_ops ops = {.bar_read = bar_read, .bar_write = bar_write};
    static const struct pci_identity identity = {.vendor = 1, .device = 2};
    static struct pci_output output = {.decode = decode, .message = message};
    fake_line_init(&line);
    pci_function_init(&function, &identity, &ops, &output, &line.line);
    pci_function_add_bar(&function, MSIX_BAR, PCI_BAR_MEMORY32, 0x1000);
    pci_function_add_msi(&function);
    pci_function_add_msix(&function, MSIX_BAR, VECTORS, TABLE, PENDING);
    msi = function.msi;
    msix = function.msix;
    messages = 0;
    device_accesses = 0;
    command(PCI_COMMAND_MASTER);
    return 0;
}

static void control(uint64_t bits)
{
    pci_function_config_write(&function, msix + PCI_MSIX_CONTROL, 2, (uint32_t)bits);
}

static void write_entry(unsigned vector, unsigned offset, unsigned width, uint64_t value)
{
    pci_function_bar_write(&function, MSIX_BAR, TABLE + vector * 16 + offset, width, value);
}

static void set_entry(unsigned vector, bool masked)
{
    write_entry(vector, 0, 4, ADDRESS | vector << 12);
    write_entry(vector, 4, 4, 0);
    write_entry(vector, 8, 4, 0x40 + vector);
    write_entry(vector, 12, 4, masked);
}

static uint64_t pending(void)
{
    return pci_function_bar_read(&function, MSIX_BAR, PENDING, 8);
}

static void the_line_stays_until_it_is_cleared(void **state)
{
    (void)state;
    pci_function_signal(&function, 0);
    assert_true(line.level);
    pci_function_signal(&function, 1);
    assert_int_equal(line.calls, 1);
    assert_true(pci_function_get(&function, PCI_COMMAND, 4) & PCI_STATUS_INTERRUPT);
    pci_function_clear(&function);
    assert_false(line.level);
    assert_false(pci_function_get(&function, PCI_COMMAND, 4) & PCI_STATUS_INTERRUPT);
    assert_int_equal(messages, 0);
}

static void the_line_can_be_disabled(void **state)
{
    (void)state;
    command(PCI_COMMAND_NO_INTERRUPT);
    pci_function_signal(&function, 0);
    assert_false(line.level);
    assert_true(pci_function_get(&function, PCI_COMMAND, 4) & PCI_STATUS_INTERRUPT);
    command(0);
    assert_true(line.level);
    control(PCI_MSIX_ENABLE);
    assert_false(line.level);
    control(0);
    assert_true(line.level);
    pci_function_config_write(&function, msi + PCI_MSI_CONTROL, 2, PCI_MSI_ENABLE);
    assert_false(line.level);
}

static void enable_msi(void)
{
    pci_function_config_write(&function, msi + PCI_MSI_ADDRESS, 4, ADDRESS | 0x1003);
    pci_function_config_write(&function, msi + PCI_MSI_ADDRESS_HIGH, 4, 0x12);
    pci_function_config_write(&function, msi + PCI_MSI_DATA, 4, 0x12344041);
    pci_function_config_write(&function, msi + PCI_MSI_CONTROL, 2, UINT16_MAX);
}

static void msi_sends_its_message(void **state)
{
    (void)state;
    enable_msi();
    assert_int_equal(pci_function_config_read(&function, msi + PCI_MSI_CONTROL, 2), 0x181);
    pci_function_signal(&function, 2);
    assert_int_equal(messages, 1);
    assert_int_equal(last_address, 0x12fee01000);
    assert_int_equal(last_data, 0x4041);
    assert_int_equal(line.calls, 0);
}

static void masked_msi_waits(void **state)
{
    (void)state;
    enable_msi();
    pci_function_config_write(&function, msi + PCI_MSI_MASK, 4, UINT32_MAX);
    pci_function_signal(&function, 0);
    pci_function_signal(&function, 0);
    assert_int_equal(messages, 0);
    assert_int_equal(pci_function_config_read(&function, msi + PCI_MSI_MASK, 4), 1);
    assert_int_equal(pci_function_config_read(&function, msi + PCI_MSI_PENDING, 4), 1);
    pci_function_config_write(&function, msi + PCI_MSI_PENDING, 4, 0);
    pci_function_config_write(&function, msi + PCI_MSI_MASK, 4, 0);
    assert_int_equal(messages, 1);
    assert_int_equal(pci_function_config_read(&function, msi + PCI_MSI_PENDING, 4), 0);
    pci_function_config_write(&function, msi + PCI_MSI_MASK, 4, 1);
    pci_function_config_write(&function, msi + PCI_MSI_MASK, 4, 0);
    assert_int_equal(messages, 1);
}

static void msix_has_a_message_for_each_vector(void **state)
{
    (void)state;
    assert_int_equal(pci_function_config_read(&function, msix + PCI_MSIX_CONTROL, 2), VECTORS - 1);
    assert_int_equal(pci_function_config_read(&function, msix + PCI_MSIX_TABLE, 4), TABLE | 1);
    assert_int_equal(pci_function_config_read(&function, msix + PCI_MSIX_PENDING, 4), PENDING | 1);
    enable_msi(); // MSI-X wins
    control(PCI_MSIX_ENABLE);
    assert_true(pci_function_has_msix(&function));
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        set_entry(vector, false);
        pci_function_signal(&function, vector);
        assert_int_equal(messages, vector + 1);
        assert_int_equal(last_address, ADDRESS | vector << 12);
        assert_int_equal(last_data, 0x40 + vector);
    }
    pci_function_signal(&function, VECTORS);
    pci_function_signal(&function, UINT32_MAX);
    assert_int_equal(messages, VECTORS);
    assert_int_equal(pending(), 0);
    assert_int_equal(line.calls, 0);
}

static void masked_vectors_wait(void **state)
{
    (void)state;
    control(PCI_MSIX_ENABLE);
    pci_function_signal(&function, 1); // masked from the start
    set_entry(1, true);
    set_entry(2, false);
    assert_int_equal(messages, 0);
    assert_int_equal(pending(), 2);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, PENDING + 1, 4), 0);
    pci_function_bar_write(&function, MSIX_BAR, PENDING, 8, 0);
    assert_int_equal(pending(), 2);
    write_entry(1, 12, 4, UINT32_MAX - 1); // only the mask can be written
    assert_int_equal(messages, 1);
    assert_int_equal(last_data, 0x41);
    assert_int_equal(pending(), 0);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 16 + 12, 4), 0);
}

static void all_vectors_can_be_masked(void **state)
{
    (void)state;
    control(PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        set_entry(vector, vector == 1);
        pci_function_signal(&function, vector);
    }
    assert_int_equal(messages, 0);
    assert_int_equal(pending(), 7);
    control(PCI_MSIX_ENABLE);
    assert_int_equal(messages, 2);
    assert_int_equal(pending(), 2);
    control(0);
    write_entry(1, 12, 4, 0);
    assert_int_equal(messages, 2); // it is off
    control(PCI_MSIX_ENABLE);
    assert_int_equal(messages, 3);
}

static void only_a_bus_master_sends(void **state)
{
    (void)state;
    command(0);
    control(PCI_MSIX_ENABLE);
    set_entry(0, false);
    pci_function_signal(&function, 0);
    assert_int_equal(messages, 0);
    command(PCI_COMMAND_MASTER);
    assert_int_equal(messages, 1);
    control(0);
    command(0);
    enable_msi();
    pci_function_signal(&function, 0);
    assert_int_equal(messages, 1);
    command(PCI_COMMAND_MASTER);
    assert_int_equal(messages, 2);
}

static void the_table_takes_any_width(void **state)
{
    (void)state;
    write_entry(0, 0, 8, 0x1122334455667788);
    write_entry(0, 8, 8, 0xffffffff99aabbcc);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE, 8), 0x1122334455667788);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 8, 8), 0x199aabbcc);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 3, 1), 0x55);
    write_entry(0, 13, 8, UINT64_MAX); // over the end of an entry
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 12, 4), 1);
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 16, 4), UINT32_MAX);
    write_entry(VECTORS - 1, 12, 8, UINT64_MAX); // over the end of the table
    assert_int_equal(pci_function_bar_read(&function, MSIX_BAR, TABLE + 44, 8), 1);
    assert_int_equal(device_accesses, 0);
}

static void around_the_table_is_the_device(void **state)
{
    (void)state;
    static const uint64_t offsets[] = {0,           TABLE - 1,   TABLE + 16 * VECTORS,
                                       PENDING - 1, PENDING + 8, 0xfff};
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        (void)pci_function_bar_read(&function, MSIX_BAR, offsets[i], 1);
        pci_function_bar_write(&function, MSIX_BAR, offsets[i], 1, 0);
        assert_int_equal(device_accesses, 2 * i + 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_line_stays_until_it_is_cleared, set_up),
        cmocka_unit_test_setup(the_line_can_be_disabled, set_up),
        cmocka_unit_test_setup(msi_sends_its_message, set_up),
        cmocka_unit_test_setup(masked_msi_waits, set_up),
        cmocka_unit_test_setup(msix_has_a_message_for_each_vector, set_up),
        cmocka_unit_test_setup(masked_vectors_wait, set_up),
        cmocka_unit_test_setup(all_vectors_can_be_masked, set_up),
        cmocka_unit_test_setup(only_a_bus_master_sends, set_up),
        cmocka_unit_test_setup(the_table_takes_any_width, set_up),
        cmocka_unit_test_setup(around_the_table_is_the_device, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
