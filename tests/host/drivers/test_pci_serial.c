// SPDX-License-Identifier: MIT
// Tests of the search for PCI serial cards, in configuration spaces of all kinds.
#include "drivers/pci_serial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define REGISTERS 16
#define FUNCTIONS_MAX 8
#define PORTS_MAX 6
#define SERIAL_16550 0x07000201
#define MULTIPLE (PCI_HEADER_MULTIPLE << PCI_HEADER_SHIFT)
#define BAR(n) (PCI_BAR / 4 + (n))

// A function of a device: its registers, and the bits of its base addresses that can be set.
struct function {
    struct pci_address where;
    uint32_t registers[REGISTERS];
    uint32_t bar_masks[PCI_BARS];
};

static struct {
    struct pci_config config;
    unsigned count;
    struct function functions[FUNCTIONS_MAX];
    struct pci_serial_port port[PORTS_MAX];
    struct pci_serial_ports found;
    bool moved_while_answering; // a base address was changed with the card switched on
} machine;

static struct function *function_at(struct pci_address where)
{
    for (unsigned i = 0; i < machine.count; i++) {
        if (memcmp(&machine.functions[i].where, &where, sizeof(where)) == 0) {
            return &machine.functions[i];
        }
    }
    return NULL;
}

static uint32_t read_config(const struct pci_config *config, struct pci_address where,
                            unsigned offset)
{
    struct function *function = function_at(where);
    assert_ptr_equal(config, &machine.config);
    assert_true(offset % 4 == 0 && offset / 4 < REGISTERS);
    return function ? function->registers[offset / 4] : PCI_NOBODY;
}

static void write_config(const struct pci_config *config, struct pci_address where, unsigned offset,
                         uint32_t value)
{
    struct function *function = function_at(where);
    assert_ptr_equal(config, &machine.config);
    assert_non_null(function);
    if (offset == PCI_COMMAND) {
        assert_int_equal(value & ~PCI_COMMAND_MASK, 0); // no bit of the status is cleared
        function->registers[1] = (function->registers[1] & ~PCI_COMMAND_MASK) | value;
        return;
    }
    assert_in_range(offset, PCI_BAR, PCI_BAR + 4 * (PCI_BARS - 1));
    uint32_t *bar = &function->registers[offset / 4];
    uint32_t mask = function->bar_masks[(offset - PCI_BAR) / 4];
    uint32_t now = (value & mask) | (*bar & PCI_BAR_IO);

    machine.moved_while_answering |= now != *bar && (function->registers[1] & PCI_COMMAND_IO) != 0;
    *bar = now;
}

static int set_up(void **state)
{
    (void)state;
    memset(&machine, 0, sizeof(machine));
    machine.config = (struct pci_config){.read = read_config, .write = write_config};
    machine.found = (struct pci_serial_ports){.capacity = PORTS_MAX, .ports = machine.port};
    return 0;
}

static struct function *add(uint8_t bus, uint8_t device, uint8_t number, uint32_t class)
{
    struct function *function = &machine.functions[machine.count++];
    assert_in_range(machine.count, 1, FUNCTIONS_MAX);
    function->where = (struct pci_address){.bus = bus, .device = device, .function = number};
    function->registers[0] = 0x00021b36;
    function->registers[1] = 0xffff0000;
    function->registers[2] = class;
    return function;
}

static void set_ports(struct function *function, unsigned bar, uint32_t first, uint32_t count)
{
    function->registers[BAR(bar)] = first | PCI_BAR_IO;
    function->bar_masks[bar] = 0xffff & ~(count - 1); // the upper half may be wired to 0
}

static void find(void)
{
    pci_serial_find(&machine.config, &machine.found);
    assert_false(machine.moved_while_answering);
}

static void test_an_empty_machine(void **state)
{
    (void)state;
    find();
    assert_int_equal(machine.found.count, 0);
}

static void test_a_card_at_ports(void **state)
{
    struct function *card = add(255, 31, 0, SERIAL_16550);
    (void)state;
    set_ports(card, 0, 0xc000, 8);
    card->registers[BAR(1)] = 0xfebf0000; // the same registers in memory
    find();
    assert_int_equal(machine.found.count, 1);
    assert_int_equal(machine.port[0].address, 0xc000);
    assert_false(machine.port[0].in_memory);
    assert_int_equal(machine.port[0].where.bus, 255);
    assert_int_equal(machine.port[0].where.device, 31);
    assert_int_equal(card->registers[BAR(0)], 0xc001);
    assert_int_equal(card->registers[1], 0xffff0000 | PCI_COMMAND_IO);
}

static void test_cards_with_several_lines(void **state)
{
    struct function *one_bar = add(0, 3, 0, SERIAL_16550);
    struct function *two_bars = add(0, 4, 0, SERIAL_16550);
    (void)state;
    one_bar->registers[1] |= PCI_COMMAND_IO | PCI_COMMAND_MEMORY;
    set_ports(one_bar, 0, 0xc020, 32);
    set_ports(two_bars, 1, 0xc048, 8);
    set_ports(two_bars, 4, 0xc040, 4); // something else, too small
    find();
    assert_int_equal(machine.found.count, 5);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(machine.port[i].address, 0xc020 + 8 * i);
    }
    assert_int_equal(machine.port[4].address, 0xc048);
    assert_int_equal(one_bar->registers[1], 0xffff0000 | PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
}

static void test_a_card_in_memory(void **state)
{
    struct function *wide = add(2, 0, 0, SERIAL_16550);
    struct function *narrow = add(3, 0, 0, SERIAL_16550);
    (void)state;
    wide->registers[BAR(0)] = 0xf0000004;
    wide->registers[BAR(1)] = 0x00000021;   // odd, as a port's address would be
    narrow->registers[BAR(2)] = 0xfebf0008; // prefetchable
    find();
    assert_int_equal(machine.found.count, 2);
    assert_true(machine.port[0].in_memory && machine.port[1].in_memory);
    assert_true(machine.port[0].address == 0x21f0000000);
    assert_int_equal(machine.port[1].address, 0xfebf0000);
    assert_int_equal(wide->registers[1], 0xffff0000 | PCI_COMMAND_MEMORY);
}

static void test_functions(void **state)
{
    struct function *first = add(0, 5, 0, 0x02000000); // a network card
    struct function *second = add(0, 5, 2, 0x07000001);
    struct function *hidden = add(0, 6, 1, SERIAL_16550); // there is no function 0
    (void)state;
    first->registers[3] = MULTIPLE;
    set_ports(second, 0, 0xd000, 8);
    set_ports(hidden, 0, 0xd010, 8);
    find();
    assert_int_equal(machine.found.count, 1);
    assert_int_equal(machine.port[0].where.function, 2);
    first->registers[3] = 0;
    machine.found.count = 0;
    find();
    assert_int_equal(machine.found.count, 0);
}

static void test_what_is_no_serial_card(void **state)
{
    struct function *cards[] = {
        add(0, 1, 0, 0x07000700), // an interface that does not exist
        add(0, 2, 0, 0x07030200), // a modem
        add(0, 3, 0, 0x08000200), // a PIC
        add(0, 4, 0, SERIAL_16550),
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cards); i++) {
        set_ports(cards[i], 0, 0xc000 + 8 * i, 8);
    }
    cards[3]->registers[3] = 1 << PCI_HEADER_SHIFT; // a bridge has other registers there
    find();
    assert_int_equal(machine.found.count, 0);
}

static void test_addresses_that_are_missing_or_odd(void **state)
{
    struct function *unassigned = add(0, 1, 0, SERIAL_16550);
    struct function *nothing = add(0, 2, 0, SERIAL_16550);
    struct function *broken = add(0, 3, 0, SERIAL_16550);
    struct function *high = add(0, 4, 0, SERIAL_16550);
    (void)state;
    set_ports(unassigned, 0, 0, 8);
    broken->registers[BAR(0)] = 0xc001; // no bit of it can be set
    set_ports(high, 0, 0x10000, 8);     // there is no such port
    (void)nothing;
    find();
    assert_int_equal(machine.found.unassigned, 2);
    assert_int_equal(machine.found.count, 0);
}

static void test_too_many(void **state)
{
    (void)state;
    set_ports(add(0, 1, 0, SERIAL_16550), 0, 0xc000, 64);
    find();
    assert_int_equal(machine.found.count, PORTS_MAX);
    assert_int_equal(machine.found.left_over, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_machine, set_up),
        cmocka_unit_test_setup(test_a_card_at_ports, set_up),
        cmocka_unit_test_setup(test_cards_with_several_lines, set_up),
        cmocka_unit_test_setup(test_a_card_in_memory, set_up),
        cmocka_unit_test_setup(test_functions, set_up),
        cmocka_unit_test_setup(test_what_is_no_serial_card, set_up),
        cmocka_unit_test_setup(test_addresses_that_are_missing_or_odd, set_up),
        cmocka_unit_test_setup(test_too_many, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
