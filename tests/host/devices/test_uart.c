// SPDX-License-Identifier: MIT
// Tests of the 16550A model against the data sheet.
#include "vmm/devices/uart.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR, FCR = IIR };
enum { OUT2 = 0x08, LOOP = 0x10, DLAB = 0x80 };
enum { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };

static struct uart uart;
static struct fake_line line;
static struct fake_sink sink;

static int set_up(void **state)
{
    (void)state;
    fake_line_init(&line);
    fake_sink_init(&sink);
    uart_init(&uart, &line.line, &sink.sink);
    return 0;
}

static void receive(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(uart_receive(&uart, (uint8_t)('a' + i)));
    }
}

static void test_reset_values(void **state)
{
    (void)state;
    assert_int_equal(uart_read(&uart, IER), 0);
    assert_int_equal(uart_read(&uart, IIR), 0x01);
    assert_int_equal(uart_read(&uart, LCR), 0);
    assert_int_equal(uart_read(&uart, MCR), 0);
    assert_int_equal(uart_read(&uart, LSR), 0x60);
    assert_int_equal(uart_read(&uart, MSR), 0xb0);
    assert_int_equal(uart_read(&uart, DATA), 0);
    assert_int_equal(line.calls, 0);
}

static void test_registers_keep_what_they_have_bits_for(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value++) {
        uart_write(&uart, SCR, (uint8_t)value);
        assert_int_equal(uart_read(&uart, SCR), value);
        uart_write(&uart, LCR, (uint8_t)value);
        assert_int_equal(uart_read(&uart, LCR), value);
        uart_write(&uart, MCR, (uint8_t)value);
        assert_int_equal(uart_read(&uart, MCR), value & 0x1f);
    }
    uart_write(&uart, LCR, 0);
    uart_write(&uart, IER, 0xff);
    assert_int_equal(uart_read(&uart, IER), 0x0f);
}

static void test_divisor_latch_hides_data_and_ier(void **state)
{
    (void)state;
    uart_write(&uart, LCR, DLAB | 3);
    assert_int_equal(uart_read(&uart, DATA), 12);
    uart_write(&uart, DATA, 0x34);
    uart_write(&uart, IER, 0x12);
    assert_int_equal(uart_read(&uart, DATA), 0x34);
    assert_int_equal(uart_read(&uart, IER), 0x12);
    uart_write(&uart, LCR, 3);
    assert_int_equal(uart_read(&uart, IER), 0);
    assert_int_equal(sink.length, 0);
}

static void test_unknown_offsets_and_read_only_registers(void **state)
{
    (void)state;
    uart_write(&uart, LSR, 0x00);
    uart_write(&uart, MSR, 0xff);
    uart_write(&uart, 8, 0xff);
    uart_write(&uart, 0xffffffff, 0xff);
    assert_int_equal(uart_read(&uart, LSR), 0x60);
    assert_int_equal(uart_read(&uart, MSR), 0xb0);
    assert_int_equal(uart_read(&uart, 8), 0xff);
    assert_int_equal(uart_read(&uart, 0xffffffff), 0xff);
}

static void test_output_goes_to_the_sink_at_once(void **state)
{
    (void)state;
    uart_write(&uart, DATA, 'x');
    assert_int_equal(sink.length, 1);
    assert_int_equal(sink.bytes[0], 'x');
    assert_int_equal(uart_read(&uart, LSR), 0x60);
    assert_false(uart_output_waiting(&uart));
}

static void test_output_is_held_while_the_sink_is_full(void **state)
{
    (void)state;
    sink.room = 0;
    for (unsigned i = 0; i < 16; i++) {
        uart_write(&uart, DATA, (uint8_t)i);
        assert_int_equal(uart_read(&uart, LSR) & 0x60, 0);
    }
    assert_true(uart_output_waiting(&uart));
    uart_write(&uart, DATA, 0xee); // the FIFO is full: this one is lost, as on hardware
    uart_output_ready(&uart);
    assert_int_equal(sink.length, 0);
    sink.room = 3;
    uart_output_ready(&uart);
    assert_int_equal(sink.length, 3);
    assert_int_equal(uart_read(&uart, LSR) & 0x60, 0);
    sink.room = 100;
    uart_output_ready(&uart);
    assert_int_equal(sink.length, 16);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(sink.bytes[i], i);
    }
    assert_int_equal(uart_read(&uart, LSR), 0x60);
    uart_output_ready(&uart);
    assert_int_equal(sink.length, 16);
}

static void test_clearing_fifos_loses_no_output(void **state)
{
    (void)state;
    sink.room = 0;
    uart_write(&uart, DATA, 'x');
    uart_write(&uart, FCR, 0x07);
    uart_write(&uart, FCR, 0x00);
    assert_true(uart_output_waiting(&uart));
    sink.room = 1;
    uart_output_ready(&uart);
    assert_int_equal(sink.length, 1);
}

static void test_thre_interrupt(void **state)
{
    (void)state;
    uart_write(&uart, MCR, OUT2);
    uart_write(&uart, IER, IER_TX); // the transmitter is empty: the interrupt comes at once
    assert_true(line.level);
    assert_int_equal(uart_read(&uart, IIR), 0x02);
    assert_false(line.level); // reading IIR acknowledged it
    assert_int_equal(uart_read(&uart, IIR), 0x01);
    uart_write(&uart, DATA, 'x');
    assert_true(line.level);
    assert_int_equal(line.rises, 2);
    uart_write(&uart, DATA, 'y'); // the interrupt goes and comes again: an edge for the 8259
    assert_int_equal(line.rises, 3);
    uart_write(&uart, IER, 0);
    assert_false(line.level);
    uart_write(&uart, IER, IER_TX);
    assert_true(line.level);
}

static void test_thre_interrupt_waits_for_the_sink(void **state)
{
    (void)state;
    uart_write(&uart, MCR, OUT2);
    uart_write(&uart, IER, IER_TX);
    sink.room = 0;
    uart_write(&uart, DATA, 'x');
    assert_false(line.level);
    uart_write(&uart, IER, 0);
    uart_write(&uart, IER, IER_TX); // the transmitter is not empty: no interrupt comes
    assert_false(line.level);
    sink.room = 1;
    uart_output_ready(&uart);
    assert_true(line.level);
}

static void test_receive_without_fifo(void **state)
{
    (void)state;
    uart_write(&uart, MCR, OUT2);
    uart_write(&uart, IER, IER_RX);
    assert_int_equal(uart_receive_room(&uart), 1);
    receive(1);
    assert_int_equal(uart_receive_room(&uart), 0);
    assert_false(uart_receive(&uart, 'b'));
    assert_true(line.level);
    assert_int_equal(uart_read(&uart, IIR), 0x04);
    assert_int_equal(uart_read(&uart, LSR), 0x61);
    assert_int_equal(uart_read(&uart, DATA), 'a');
    assert_false(line.level);
    assert_int_equal(uart_read(&uart, LSR), 0x60);
}

static void test_trigger_levels_and_timeout(void **state)
{
    static const unsigned levels[] = {1, 4, 8, 14};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        uart_write(&uart, FCR, (uint8_t)(i << 6 | 3));
        uart_write(&uart, IER, IER_RX);
        for (unsigned count = 1; count <= 16; count++) {
            receive(1);
            assert_int_equal(uart_read(&uart, IIR), count >= levels[i] ? 0xc4 : 0xcc);
        }
        assert_false(uart_receive(&uart, 'x'));
        assert_int_equal(uart_receive_room(&uart), 0);
    }
}

static void test_fifo_order_across_its_end(void **state)
{
    uint8_t next = 0;
    (void)state;
    uart_write(&uart, FCR, 1);
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 11; i++) {
            assert_true(uart_receive(&uart, (uint8_t)(round * 11 + i)));
        }
        for (unsigned i = 0; i < 11; i++) {
            assert_int_equal(uart_read(&uart, DATA), next++);
        }
    }
    assert_int_equal(uart_read(&uart, DATA), 0);
}

static void test_fifo_control(void **state)
{
    (void)state;
    uart_write(&uart, FCR, 0xc0); // without the enable bit nothing else counts
    assert_int_equal(uart_read(&uart, IIR), 0x01);
    uart_write(&uart, FCR, 0x01);
    assert_int_equal(uart_read(&uart, IIR), 0xc1);
    receive(5);
    uart_write(&uart, FCR, 0x01);
    assert_int_equal(uart_receive_room(&uart), 11);
    uart_write(&uart, FCR, 0x03); // clears the receive FIFO
    assert_int_equal(uart_receive_room(&uart), 16);
    receive(5);
    uart_write(&uart, FCR, 0x00); // so does leaving FIFO mode
    assert_int_equal(uart_read(&uart, LSR), 0x60);
    assert_int_equal(uart_receive_room(&uart), 1);
}

static void test_interrupts_need_no_out2(void **state)
{
    (void)state;
    uart_write(&uart, IER, IER_RX);
    receive(1);
    assert_true(line.level);
    uart_write(&uart, MCR, OUT2);
    assert_true(line.level);
    uart_write(&uart, MCR, OUT2 | LOOP); // interrupts work in loopback too (data sheet, 8.6.7)
    assert_true(line.level);
    assert_int_equal(line.calls, 1);
    uart_read(&uart, DATA);
    assert_false(line.level);
}

static void set_rate(uint16_t divisor, uint8_t lcr)
{
    uart_write(&uart, LCR, DLAB);
    uart_write(&uart, DATA, (uint8_t)divisor);
    uart_write(&uart, IER, (uint8_t)(divisor >> 8));
    uart_write(&uart, LCR, lcr);
}

static void test_a_character_takes_as_long_as_on_a_line(void **state)
{
    (void)state;
    set_rate(1, 0x03); // 115200 baud, 8N1: 10 bits
    assert_int_equal(uart_character_ns(&uart), 86805);
    set_rate(12, 0x03); // 9600 baud
    assert_int_equal(uart_character_ns(&uart), 1041666);
    set_rate(384, 0x1f); // 300 baud, 8E2: 12 bits
    assert_int_equal(uart_character_ns(&uart), 40000000);
    set_rate(96, 0x00); // 1200 baud, 5N1: 7 bits
    assert_int_equal(uart_character_ns(&uart), 5833333);
    set_rate(0xffff, 0x03);
    assert_int_equal(uart_character_ns(&uart), 5688802083);
    set_rate(0, 0x03);
    assert_int_equal(uart_character_ns(&uart), 86805);
}

static void test_a_batch_is_what_the_trigger_level_says(void **state)
{
    static const unsigned levels[] = {1, 4, 8, 14};
    (void)state;
    assert_int_equal(uart_receive_batch(&uart), 1);
    receive(1);
    assert_int_equal(uart_receive_batch(&uart), 0);
    for (unsigned i = 0; i < 4; i++) {
        uart_write(&uart, FCR, (uint8_t)(i << 6 | 3));
        assert_int_equal(uart_receive_batch(&uart), levels[i]);
    }
    receive(1);
    assert_int_equal(uart_receive_batch(&uart), 0); // the guest reads it first
    uart_read(&uart, DATA);
    assert_int_equal(uart_receive_batch(&uart), 14);
    uart_write(&uart, MCR, LOOP);
    assert_int_equal(uart_receive_batch(&uart), 0);
}

static void test_a_byte_is_awaited_by_an_empty_receiver_that_interrupts(void **state)
{
    (void)state;
    assert_false(uart_awaits_byte(&uart));
    uart_write(&uart, IER, IER_RX);
    assert_true(uart_awaits_byte(&uart));
    uart_write(&uart, MCR, LOOP);
    assert_false(uart_awaits_byte(&uart));
    uart_write(&uart, MCR, 0);
    receive(1);
    assert_false(uart_awaits_byte(&uart)); // the line is high already
    uart_read(&uart, DATA);
    assert_true(uart_awaits_byte(&uart));
}

static void test_loopback_data_and_overrun(void **state)
{
    (void)state;
    uart_write(&uart, FCR, 1);
    uart_write(&uart, IER, 0x0f);
    uart_write(&uart, MCR, LOOP);
    assert_int_equal(uart_receive_room(&uart), 0);
    assert_false(uart_receive(&uart, 'x'));
    for (unsigned i = 0; i < 17; i++) {
        uart_write(&uart, DATA, (uint8_t)i);
    }
    assert_int_equal(sink.length, 0);
    assert_int_equal(uart_read(&uart, IIR), 0xc6); // line status comes first
    assert_int_equal(uart_read(&uart, LSR), 0x63);
    assert_int_equal(uart_read(&uart, LSR), 0x61); // reading cleared the overrun
    assert_int_equal(uart_read(&uart, IIR), 0xc4);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(uart_read(&uart, DATA), i);
    }
    assert_int_equal(uart_read(&uart, IIR), 0xc2);
}

static void test_loopback_overrun_without_fifo_keeps_the_new_byte(void **state)
{
    (void)state;
    uart_write(&uart, MCR, LOOP);
    uart_write(&uart, DATA, 'a');
    uart_write(&uart, DATA, 'b');
    assert_int_equal(uart_read(&uart, LSR), 0x63);
    assert_int_equal(uart_read(&uart, DATA), 'b');
}

static void test_loopback_modem_lines(void **state)
{
    static const uint8_t inputs[] = {0x00, 0x20, 0x10, 0x30, 0x40, 0x60, 0x50, 0x70,
                                     0x80, 0xa0, 0x90, 0xb0, 0xc0, 0xe0, 0xd0, 0xf0};
    (void)state;
    for (unsigned lines = 0; lines < 16; lines++) {
        uart_write(&uart, MCR, (uint8_t)(LOOP | lines));
        assert_int_equal(uart_read(&uart, MSR) & 0xf0, inputs[lines]);
        assert_int_equal(uart_read(&uart, MSR) & 0x0f, 0); // reading cleared the deltas
    }
    // From all on to all off: RI's delta is its trailing edge.
    uart_write(&uart, MCR, LOOP);
    assert_int_equal(uart_read(&uart, MSR), 0x0f);
    uart_write(&uart, MCR, LOOP | 0x0f);
    assert_int_equal(uart_read(&uart, MSR), 0xfb);
}

static void test_modem_status_interrupt_is_last(void **state)
{
    (void)state;
    uart_write(&uart, IER, IER_MODEM | IER_TX);
    uart_write(&uart, MCR, LOOP);
    assert_int_equal(uart_read(&uart, IIR), 0x02);
    assert_int_equal(uart_read(&uart, IIR), 0x00);
    uart_read(&uart, MSR);
    assert_int_equal(uart_read(&uart, IIR), 0x01);
}

static void test_reset_drops_everything(void **state)
{
    (void)state;
    uart_write(&uart, MCR, OUT2);
    uart_write(&uart, IER, IER_RX);
    receive(1);
    assert_true(line.level);
    uart_reset(&uart);
    assert_false(line.level);
    fake_line_init(&line);
    test_reset_values(state);
}

// What Linux' 8250 driver does to find out which chip it has.
static void test_is_taken_for_a_16550a(void **state)
{
    (void)state;
    uart_write(&uart, IER, 0);
    assert_int_equal(uart_read(&uart, IER), 0);
    uart_write(&uart, IER, 0x0f);
    assert_int_equal(uart_read(&uart, IER), 0x0f);
    uart_write(&uart, MCR, LOOP | 0x0a);
    assert_int_equal(uart_read(&uart, MSR) & 0xf0, 0x90);
    uart_write(&uart, FCR, 1);
    assert_int_equal(uart_read(&uart, IIR) >> 6, 3);
    uart_write(&uart, FCR, 0x21);
    assert_int_equal(uart_read(&uart, IIR) >> 5 & 1, 0); // no 64-byte FIFO: not a 16750
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_reset_values, set_up),
        cmocka_unit_test_setup(test_registers_keep_what_they_have_bits_for, set_up),
        cmocka_unit_test_setup(test_divisor_latch_hides_data_and_ier, set_up),
        cmocka_unit_test_setup(test_unknown_offsets_and_read_only_registers, set_up),
        cmocka_unit_test_setup(test_output_goes_to_the_sink_at_once, set_up),
        cmocka_unit_test_setup(test_output_is_held_while_the_sink_is_full, set_up),
        cmocka_unit_test_setup(test_clearing_fifos_loses_no_output, set_up),
        cmocka_unit_test_setup(test_thre_interrupt, set_up),
        cmocka_unit_test_setup(test_thre_interrupt_waits_for_the_sink, set_up),
        cmocka_unit_test_setup(test_receive_without_fifo, set_up),
        cmocka_unit_test_setup(test_trigger_levels_and_timeout, set_up),
        cmocka_unit_test_setup(test_fifo_order_across_its_end, set_up),
        cmocka_unit_test_setup(test_fifo_control, set_up),
        cmocka_unit_test_setup(test_interrupts_need_no_out2, set_up),
        cmocka_unit_test_setup(test_a_character_takes_as_long_as_on_a_line, set_up),
        cmocka_unit_test_setup(test_a_batch_is_what_the_trigger_level_says, set_up),
        cmocka_unit_test_setup(test_a_byte_is_awaited_by_an_empty_receiver_that_interrupts, set_up),
        cmocka_unit_test_setup(test_loopback_data_and_overrun, set_up),
        cmocka_unit_test_setup(test_loopback_overrun_without_fifo_keeps_the_new_byte, set_up),
        cmocka_unit_test_setup(test_loopback_modem_lines, set_up),
        cmocka_unit_test_setup(test_modem_status_interrupt_is_last, set_up),
        cmocka_unit_test_setup(test_reset_drops_everything, set_up),
        cmocka_unit_test_setup(test_is_taken_for_a_16550a, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
