// SPDX-License-Identifier: MIT
// Tests of the PCI bus: where base addresses answer, how interrupts leave, what firmware sets up.
#include "vmm/board/pci_bus.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "arch/x86/pci_registers.h"
#include "tests/host/fake_device.h"
#include "vmm/devices/apic_message.h"
#include "vmm/devices/ioapic.h"
#include "vmm/devices/pci_function.h"
#include "vmm/devices/pci_host.h"
#include "vmm/devices/pci_message.h"
#include "vmm/memory/guest_memory.h"

#define CARDS (PCI_HOST_SLOTS - 1)
#define PORTS_BYTES 32
#define MEMORY_BYTES 0x4000

enum { BAR_PORTS = 0, BAR_MEMORY = 1 };

struct card {
    struct pci_slot slot;
    struct pci_function function;
};

static const struct guest_memory ram = {
    .extent_count = 2,
    .extents = {{.gpa = {0}, .bytes = 0xa0000}, {.gpa = {0x100000}, .bytes = 0xff00000}}};
static struct io_bus io;
static struct memory_bus memory;
static struct fake_line even;
static struct fake_line odd;
static struct pci_bus bus;
static struct card cards[CARDS];
static struct apic_message last;
static unsigned messages;

// A card reads its slot, and its offset.
static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset,
                         unsigned width)
{
    (void)width;
    struct card *card = container_of(function, struct card, function);
    return card->slot.number << 24 | bar << 20 | offset;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned width,
                      uint64_t value)
{
    (void)bar;
    (void)width;
    pci_function_signal(function, (unsigned)(offset + value));
}

static void deliver(struct ioapic_output *output, const struct apic_message *message)
{
    (void)output;
    last = *message;
    messages++;
}

static int set_up(void **state)
{
    static struct ioapic_output apics = {deliver};
    (void)state;
    io_bus_init(&io);
    memory_bus_init(&memory);
    fake_line_init(&even);
    fake_line_init(&odd);
    const struct pci_wires wires = {.io = &io,
                                    .memory = &memory,
                                    .ram = &ram,
                                    .lines = {&even.line, &odd.line},
                                    .apics = &apics};
    pci_bus_init(&bus, &wires);
    messages = 0;
    return 0;
}

static void attach(unsigned count)
{
    static const struct pci_function_ops ops = {.bar_read = bar_read, .bar_write = bar_write};
    static const struct pci_identity identity = {.vendor = 0x1af4, .device = 0x1044};
    for (unsigned i = 0; i < count; i++) {
        struct card *card = &cards[i];
        assert_true(pci_bus_attach(&bus, &card->slot, &card->function));
        pci_function_init(&card->function, &identity, &ops, &bus.output, &card->slot.intx);
        pci_function_add_bar(&card->function, BAR_PORTS, PCI_BAR_PORTS, PORTS_BYTES);
        pci_function_add_bar(&card->function, BAR_MEMORY, PCI_BAR_MEMORY32, MEMORY_BYTES);
        pci_function_add_msi(&card->function);
    }
}

static void config(unsigned slot, unsigned offset, unsigned width, uint64_t value)
{
    pci_host_ecam_write(&bus.host, slot << 15 | offset, width, value);
}

static uint64_t read_memory(uint64_t address)
{
    struct memory_range *range = memory_bus_find(&memory, address);
    return range ? range->read(range, address - range->base, 4) : UINT64_MAX;
}

static void firmware_gives_each_a_place(void **state)
{
    (void)state;
    attach(CARDS);
    pci_bus_program(&bus);
    for (unsigned i = 0; i < CARDS; i++) {
        unsigned slot = i + 1;
        assert_int_equal(read_memory(0xc0000000 + i * MEMORY_BYTES + 4), slot << 24 | 0x100004);
        assert_int_equal(io_bus_read(&io, (uint16_t)(0xc000 + i * PORTS_BYTES + 4), 4),
                         slot << 24 | 4);
        assert_int_equal(pci_host_ecam_read(&bus.host, slot << 15 | PCI_INTERRUPT, 2),
                         0x100 | (slot % 2 ? 10 : 11));
        assert_int_equal(pci_host_ecam_read(&bus.host, slot << 15 | PCI_COMMAND, 2), 3);
    }
    assert_int_equal(read_memory(0xc0000000 + CARDS * MEMORY_BYTES), UINT64_MAX);
}

static void the_bus_has_so_many_slots(void **state)
{
    static struct card more;
    (void)state;
    attach(CARDS);
    assert_false(pci_bus_attach(&bus, &more.slot, &more.function));
}

static void what_does_not_fit_gets_no_place(void **state)
{
    (void)state;
    attach(2);
    pci_function_add_bar(&cards[0].function, 2, PCI_BAR_MEMORY32, 2 * GIB);
    pci_function_add_bar(&cards[0].function, 4, PCI_BAR_WIDE, 8 * GIB);
    pci_bus_program(&bus);
    assert_int_equal(pci_host_ecam_read(&bus.host, 1 << 15 | (PCI_BAR + 8), 4), 0);
    assert_int_equal(pci_host_ecam_read(&bus.host, 1 << 15 | (PCI_BAR + 16), 8), 4);
    assert_int_equal(read_memory(0xc0000000 + MEMORY_BYTES), 0x02100000);
}

static void base_addresses_move(void **state)
{
    (void)state;
    attach(1);
    pci_bus_program(&bus);
    config(1, PCI_BAR + 4, 4, 0xfe000000);
    config(1, PCI_BAR, 4, 0x500);
    assert_int_equal(read_memory(0xc0000000), UINT64_MAX);
    assert_int_equal(read_memory(0xfe000000), 0x01100000);
    assert_int_equal(io_bus_read(&io, 0xc000, 1), 0xff);
    assert_int_equal(io_bus_read(&io, 0x501, 4), 0x01000001);
    config(1, PCI_COMMAND, 2, 0);
    assert_int_equal(read_memory(0xfe000000), UINT64_MAX);
    assert_int_equal(io_bus_read(&io, 0x501, 4), UINT32_MAX);
}

static void ram_wins(void **state)
{
    static const uint32_t addresses[] = {0x4000, 0x9c000, 0x100000, 0xfffc000};
    (void)state;
    attach(1);
    pci_bus_program(&bus);
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        config(1, PCI_BAR + 4, 4, addresses[i]);
        assert_int_equal(read_memory(addresses[i]), UINT64_MAX);
    }
    config(1, PCI_BAR + 4, 4, 0xa0000);
    assert_int_equal(read_memory(0xa0000), 0x01100000);
    config(1, PCI_BAR + 4, 4, 0x10000000);
    assert_int_equal(read_memory(0x10000000), 0x01100000);
    pci_function_add_bar(&cards[0].function, 2, PCI_BAR_WIDE, 1 * MIB);
    config(1, PCI_BAR + 8, 8, UINT64_MAX); // the last addresses of all
    assert_int_equal(read_memory(0xfffffffffff00000), 0x01200000);
}

// Whichever came there first.
static void at_one_place_the_lower_slot_answers(void **state)
{
    (void)state;
    attach(3);
    pci_bus_program(&bus);
    config(3, PCI_BAR + 4, 4, 0xd0000000);
    config(3, PCI_BAR, 4, 0x2000);
    assert_int_equal(read_memory(0xd0000000), 0x03100000);
    config(2, PCI_BAR + 4, 4, 0xd0000000);
    config(2, PCI_BAR, 4, 0x2000);
    assert_int_equal(read_memory(0xd0000000), 0x02100000);
    assert_int_equal(io_bus_read(&io, 0x2000, 4), 0x02000000);
    config(2, PCI_COMMAND, 2, 0);
    assert_int_equal(read_memory(0xd0000000), 0x03100000);
    assert_int_equal(io_bus_read(&io, 0x2000, 4), 0x03000000);
}

static void a_line_is_on_as_long_as_any_function_pulls_it(void **state)
{
    (void)state;
    attach(4);
    pci_function_signal(&cards[0].function, 0); // slot 1: odd
    assert_true(odd.level);
    assert_false(even.level);
    pci_function_signal(&cards[2].function, 0); // slot 3: odd too
    pci_function_clear(&cards[0].function);
    assert_true(odd.level);
    pci_function_signal(&cards[3].function, 0); // slot 4
    assert_true(even.level);
    pci_function_clear(&cards[2].function);
    assert_false(odd.level);
    assert_true(even.level);
    assert_int_equal(odd.calls, 2);
}

static void message(uint64_t address, uint32_t data)
{
    bus.output.message(&bus.output, address, data);
}

static void messages_reach_local_apics(void **state)
{
    (void)state;
    message(0xfee03000, 0x0041);
    assert_int_equal(last.vector, 0x41);
    assert_int_equal(last.delivery, APIC_FIXED);
    assert_int_equal(last.destination, 3);
    assert_false(last.logical || last.level);
    message(0xfeeff004, 0xc142);
    assert_int_equal(last.vector, 0x42);
    assert_int_equal(last.delivery, APIC_LOWEST_PRIORITY);
    assert_int_equal(last.destination, UINT32_MAX);
    assert_true(last.logical && last.level);
    message(0xfee0100c, 0x0043);
    assert_int_equal(last.delivery, APIC_LOWEST_PRIORITY);
    message(0xfee01008, 0x0443); // the hint means nothing to a physical destination
    assert_int_equal(last.delivery, APIC_NMI);
    assert_int_equal(last.shorthand, APIC_NO_SHORTHAND);
    assert_int_equal(messages, 4);
    assert_int_equal(bus.lost_messages, 0);
}

static void messages_to_elsewhere_are_lost(void **state)
{
    static const uint64_t addresses[] = {0,          0x1000,      0xfec00000,   0xfedfffff,
                                         0xfef00000, 0x1fee00000, 0xfee0000000, UINT64_MAX};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        message(addresses[i], 0x41);
        assert_int_equal(bus.lost_messages, i + 1);
        assert_int_equal(bus.last_lost_message, addresses[i]);
    }
    message(0xfee00000, 0x8041); // the end of a level
    assert_int_equal(messages, 0);
}

static void a_device_that_is_written_to_sends_its_message(void **state)
{
    (void)state;
    attach(1);
    pci_bus_program(&bus);
    unsigned msi = cards[0].function.msi;
    config(1, msi + PCI_MSI_ADDRESS, 4, 0xfee05000);
    config(1, msi + PCI_MSI_DATA, 2, 0x55);
    config(1, msi + PCI_MSI_CONTROL, 2, PCI_MSI_ENABLE);
    config(1, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    io_bus_write(&io, 0xc000, 2, 0);
    assert_int_equal(messages, 1);
    assert_int_equal(last.vector, 0x55);
    assert_int_equal(last.destination, 5);
    struct memory_range *range = memory_bus_find(&memory, 0xc0000000);
    range->write(range, 0, 4, 0);
    assert_int_equal(messages, 2);
    range->write(range, MEMORY_BYTES - 2, 4, 0); // beyond its end
    assert_int_equal(messages, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(firmware_gives_each_a_place, set_up),
        cmocka_unit_test_setup(the_bus_has_so_many_slots, set_up),
        cmocka_unit_test_setup(what_does_not_fit_gets_no_place, set_up),
        cmocka_unit_test_setup(base_addresses_move, set_up),
        cmocka_unit_test_setup(ram_wins, set_up),
        cmocka_unit_test_setup(at_one_place_the_lower_slot_answers, set_up),
        cmocka_unit_test_setup(a_line_is_on_as_long_as_any_function_pulls_it, set_up),
        cmocka_unit_test_setup(messages_reach_local_apics, set_up),
        cmocka_unit_test_setup(messages_to_elsewhere_are_lost, set_up),
        cmocka_unit_test_setup(a_device_that_is_written_to_sends_its_message, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
