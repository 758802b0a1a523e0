// SPDX-License-Identifier: MIT
// Tests of the 16550 driver on the model of the chip, and of registers in memory.
#include "drivers/uart16550.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/uart16550_registers.h"
#include "vmm/devices/device.h"
#include "vmm/devices/uart.h"
#include "vmm/util/types.h"

#define SENT_MAX 20000
#define DIVISOR_LATCH 0x80 // of the line control register
#define LOOPBACK 0x10      // of the modem control register

// A machine with one chip, or none.
static struct {
    struct uart16550 driver;
    struct uart chip;
    bool missing;
    bool no_loopback;    // what is sent goes out while the chip should loop it back
    unsigned typed;      // characters that come just before the loop is closed
    unsigned busy_reads; // of the line status, until it says that there is room
    bool line;           // the interrupt's level
    bool blocked;
    unsigned latch_writes; // of the divisor
    uint8_t lcr;
    unsigned sent_count;
    char sent[SENT_MAX];
} machine;

static uint8_t chip_read(const struct uart16550_registers *registers, unsigned which)
{
    (void)registers;
    if (which == 5 && machine.busy_reads > 0) {
        machine.busy_reads--;
        return 0;
    }
    return machine.missing ? UINT8_MAX : uart_read(&machine.chip, which);
}

static void chip_write(const struct uart16550_registers *registers, unsigned which, uint8_t value)
{
    (void)registers;
    assert_in_range(which, 0, UART16550_REGISTERS - 1);
    machine.latch_writes += which == 0 && (machine.lcr & DIVISOR_LATCH) != 0;
    machine.lcr = which == 3 ? value : machine.lcr;
    if (which == 4 && (value & LOOPBACK) != 0) {
        for (unsigned i = 0; i < machine.typed; i++) {
            assert_true(uart_receive(&machine.chip, 'x'));
        }
    }
    if (which == 4 && machine.no_loopback) {
        value &= (uint8_t)~LOOPBACK;
    }
    uart_write(&machine.chip, which, value);
}

static const struct uart16550_registers registers = {.read = chip_read, .write = chip_write};

static void set_line(struct irq_line *line, bool level)
{
    (void)line;
    machine.line = level;
}

static bool take(struct byte_sink *sink, uint8_t byte)
{
    (void)sink;
    if (machine.blocked) {
        return false;
    }
    assert_in_range(machine.sent_count, 0, SENT_MAX - 1);
    machine.sent[machine.sent_count++] = (char)byte;
    return true;
}

static int set_up(void **state)
{
    static struct irq_line line = {.set = set_line};
    static struct byte_sink sink = {.put = take};
    (void)state;
    memset(&machine, 0, sizeof(machine));
    uart_init(&machine.chip, &line, &sink);
    return 0;
}

static void assert_sent(const char *text)
{
    assert_int_equal(machine.sent_count, strlen(text));
    assert_memory_equal(machine.sent, text, strlen(text));
    machine.sent_count = 0;
}

static void test_a_chip_is_found_and_nothing_is_sent(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 12, false));
    assert_int_equal(machine.sent_count, 0); // the probe was looped back
    assert_int_equal(machine.chip.divisor[0], 12);
    assert_int_equal(machine.chip.divisor[1], 0);
    assert_int_equal(machine.chip.lcr, 0x03);
    assert_int_equal(machine.chip.ier, 0);
    assert_int_equal(machine.chip.mcr, 0x03); // no OUT2: a PC's interrupt is cut off
    assert_int_equal(machine.driver.fifo_characters, 16);
}

static void test_no_chip(void **state)
{
    (void)state;
    machine.missing = true;
    assert_false(uart16550_init(&machine.driver, &registers, 1, false));
    machine.missing = false; // even if one came later
    assert_int_equal(uart16550_room(&machine.driver), 0);
    assert_int_equal(uart16550_write(&machine.driver, "x", 1), 0);
    assert_int_equal(uart16550_read(&machine.driver), -1);
    assert_false(uart16550_interrupt(&machine.driver));
    uart16550_write_sync(&machine.driver, "x", 1);
    uart16550_enable_interrupts(&machine.driver);
    uart16550_flush(&machine.driver);
    uart16550_set_divisor(&machine.driver, 3);
    assert_int_equal(machine.sent_count, 0);
    assert_int_equal(machine.chip.ier, 0);
}

static void test_a_chip_is_found_while_someone_types(void **state)
{
    (void)state;
    machine.typed = 15;
    assert_true(uart16550_init(&machine.driver, &registers, 12, false));
    assert_int_equal(machine.sent_count, 0);
    assert_int_equal(uart16550_read(&machine.driver), -1);
}

static void test_a_chip_without_loopback(void **state)
{
    (void)state;
    machine.no_loopback = true;
    assert_false(uart16550_init(&machine.driver, &registers, 1, false));
    assert_true(machine.driver.silent);
    machine.sent_count = 0; // the probe went out
    assert_true(uart16550_init(&machine.driver, &registers, 1, true));
    assert_false(machine.driver.silent);
    assert_int_equal(machine.sent_count, 0);
    assert_int_equal(machine.chip.mcr, 0x03);
    assert_int_equal(uart16550_write(&machine.driver, "hi", 2), 2);
    assert_sent("hi");
}

static void test_no_chip_unprobed(void **state)
{
    (void)state;
    machine.missing = true; // its line status would be input without end
    assert_false(uart16550_init(&machine.driver, &registers, 1, true));
    assert_false(machine.driver.silent);
}

// A full FIFO takes 142 ms at 1200 baud: 1.42 million reads of a tenth of a microsecond.
static void test_a_slow_line_is_waited_for(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 96, false));
    machine.busy_reads = 1420000;
    uart16550_write_sync(&machine.driver, "last words", 10);
    uart16550_flush(&machine.driver);
    assert_int_equal(machine.busy_reads, 0);
    assert_false(machine.driver.stuck);
    assert_sent("last words");
}

static void test_the_rate_that_is_set_stays(void **state)
{
    (void)state;
    machine.chip.divisor[0] = 3;
    machine.chip.divisor[1] = 1;
    assert_true(uart16550_init(&machine.driver, &registers, 0, false));
    assert_int_equal(machine.driver.divisor, 0x103);
    assert_int_equal(machine.chip.divisor[0], 3);
    assert_int_equal(machine.chip.divisor[1], 1);
    machine.chip.divisor[0] = 0;
    machine.chip.divisor[1] = 0; // that is no rate
    assert_true(uart16550_init(&machine.driver, &registers, 0, false));
    assert_int_equal(machine.chip.divisor[0], 1);
}

static void test_the_rate_changes_after_what_was_written(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    machine.latch_writes = 0;
    uart16550_set_divisor(&machine.driver, 1);
    assert_int_equal(machine.latch_writes, 0);
    machine.driver.send[machine.driver.send_head++] = 'x';
    uart16550_set_divisor(&machine.driver, 0x180);
    assert_sent("x");
    assert_int_equal(machine.chip.divisor[0], 0x80);
    assert_int_equal(machine.chip.divisor[1], 1);
    assert_int_equal(machine.chip.lcr, 0x03);
}

static void test_a_polled_line_moves_when_it_is_asked(void **state)
{
    char text[101];
    (void)state;
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    assert_int_equal(uart16550_write(&machine.driver, text, 100), 100);
    while (uart16550_room(&machine.driver) < UART16550_SEND_BYTES) {
        ;
    }
    assert_sent(text);
    assert_int_equal(machine.chip.ier, 0);
    assert_true(uart_receive(&machine.chip, 'h'));
    assert_true(uart_receive(&machine.chip, 0xff));
    assert_int_equal(uart16550_read(&machine.driver), 'h');
    assert_int_equal(uart16550_read(&machine.driver), 0xff);
    assert_int_equal(uart16550_read(&machine.driver), -1);
}

static void test_interrupts_move_everything(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    uart16550_enable_interrupts(&machine.driver);
    assert_int_equal(machine.chip.mcr, 0x0b);
    assert_int_equal(machine.chip.ier, 0x05);
    assert_false(uart16550_interrupt(&machine.driver)); // another's, on the same input
    assert_false(machine.driver.interrupts_come);
    for (unsigned i = 0; i < 12; i++) {
        assert_true(uart_receive(&machine.chip, (uint8_t)('a' + i)));
    }
    assert_true(machine.line);
    assert_true(uart16550_interrupt(&machine.driver));
    assert_false(machine.line);
    assert_true(machine.driver.interrupts_come);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(uart16550_read(&machine.driver), 'a' + i);
    }
}

static void test_the_room_interrupt_is_on_while_text_waits(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    uart16550_enable_interrupts(&machine.driver);
    machine.blocked = true;
    assert_int_equal(uart16550_write(&machine.driver, "0123456789abcdefghij", 20), 20);
    assert_int_equal(machine.chip.ier, 0x07);
    machine.blocked = false;
    uart_output_ready(&machine.chip);
    assert_true(machine.line);
    assert_true(uart16550_interrupt(&machine.driver));
    assert_sent("0123456789abcdefghij");
    assert_int_equal(machine.chip.ier, 0x05);
    assert_false(machine.line);
}

// The chip here sends at once. The handler ends anyway, and asks for another interrupt.
static void test_much_text_does_not_lose_the_room_interrupt(void **state)
{
    static char text[UART16550_SEND_BYTES + 1];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    uart16550_enable_interrupts(&machine.driver);
    assert_int_equal(uart16550_write(&machine.driver, text, strlen(text)), strlen(text));
    for (unsigned i = 0; i < 10 && machine.line; i++) {
        assert_true(uart16550_interrupt(&machine.driver));
    }
    assert_sent(text);
}

static void test_a_line_that_does_not_send_is_waited_for_once(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    machine.blocked = true;
    for (unsigned i = 0; i < 40; i++) {
        uart16550_write_sync(&machine.driver, "x", 1);
    }
    assert_true(machine.driver.stuck);
    machine.blocked = false;
    uart_output_ready(&machine.chip);
    machine.sent_count = 0;
    uart16550_write_sync(&machine.driver, "back", 4);
    assert_sent("back");
    assert_false(machine.driver.stuck);
}

static void test_a_full_ring_takes_no_more_and_counts_what_is_lost(void **state)
{
    static char text[UART16550_SEND_BYTES + 100];
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    machine.blocked = true;
    assert_int_equal(uart16550_write(&machine.driver, text, sizeof(text)), UART16550_SEND_BYTES);
    assert_in_range(uart16550_room(&machine.driver), 0, 32); // the chip may have taken some
    machine.driver.receive_head = UART16550_RECEIVE_BYTES;   // full
    assert_true(uart_receive(&machine.chip, 'x'));
    machine.driver.interrupts_come = false;
    assert_int_equal(uart16550_read(&machine.driver), 0);
    assert_int_equal(machine.driver.lost, 1);
}

// Then 15 more have room in the chip until the handler runs.
static void test_each_character_interrupts_by_itself(void **state)
{
    (void)state;
    assert_true(uart16550_init(&machine.driver, &registers, 1, false));
    uart16550_enable_interrupts(&machine.driver);
    assert_true(uart_receive(&machine.chip, 'x'));
    assert_int_equal(uart_read(&machine.chip, 2), 0xc4); // received, not four character times later
}

static void test_registers_in_memory(void **state)
{
    static const struct {
        uint8_t stride;
        uint8_t bytes;
    } cases[] = {{1, 1}, {2, 1}, {2, 2}, {4, 1}, {4, 2}, {4, 4}};

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        _Alignas(uint32_t) uint8_t memory[UART16550_REGISTERS * 4 + 1];
        struct uart16550_registers in =
            uart16550_in_memory(memory, cases[i].stride, cases[i].bytes);

        for (unsigned which = 0; which < UART16550_REGISTERS; which++) {
            memset(memory, 0xee, sizeof(memory));
            in.write(&in, which, 0x40);
            for (unsigned at = 0; at < sizeof(memory); at++) {
                unsigned first = which * cases[i].stride;
                bool written = at >= first && at < first + cases[i].bytes;
                uint8_t value = at == first ? 0x40 : 0;

                assert_int_equal(memory[at], written ? value : 0xee);
            }
            memory[(size_t)which * cases[i].stride] = 0x41;
            assert_int_equal(in.read(&in, which), 0x41);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_chip_is_found_and_nothing_is_sent, set_up),
        cmocka_unit_test_setup(test_no_chip, set_up),
        cmocka_unit_test_setup(test_a_chip_is_found_while_someone_types, set_up),
        cmocka_unit_test_setup(test_a_chip_without_loopback, set_up),
        cmocka_unit_test_setup(test_no_chip_unprobed, set_up),
        cmocka_unit_test_setup(test_a_slow_line_is_waited_for, set_up),
        cmocka_unit_test_setup(test_the_rate_that_is_set_stays, set_up),
        cmocka_unit_test_setup(test_the_rate_changes_after_what_was_written, set_up),
        cmocka_unit_test_setup(test_a_polled_line_moves_when_it_is_asked, set_up),
        cmocka_unit_test_setup(test_interrupts_move_everything, set_up),
        cmocka_unit_test_setup(test_the_room_interrupt_is_on_while_text_waits, set_up),
        cmocka_unit_test_setup(test_much_text_does_not_lose_the_room_interrupt, set_up),
        cmocka_unit_test_setup(test_a_line_that_does_not_send_is_waited_for_once, set_up),
        cmocka_unit_test_setup(test_each_character_interrupts_by_itself, set_up),
        cmocka_unit_test_setup(test_a_full_ring_takes_no_more_and_counts_what_is_lost, set_up),
        cmocka_unit_test(test_registers_in_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
