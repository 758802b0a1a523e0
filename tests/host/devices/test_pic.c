// SPDX-License-Identifier: MIT
// Tests of the two 8259As against the data sheet.
#include "vmm/devices/pic.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"

enum { COMMAND, DATA };
enum { EOI = 0x20, SPECIFIC_EOI = 0x60, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c };

static struct pic_pair pair;
static struct fake_line intr;

static void program(uint8_t icw4)
{
    static const uint8_t bases[] = {0x20, 0x28};
    for (unsigned chip = 0; chip < 2; chip++) {
        pic_write(&pair, chip, COMMAND, 0x11);
        pic_write(&pair, chip, DATA, bases[chip]);
        pic_write(&pair, chip, DATA, chip == PIC_MASTER ? 0x04 : 0x02);
        pic_write(&pair, chip, DATA, icw4);
    }
}

static int set_up(void **state)
{
    (void)state;
    fake_line_init(&intr);
    pic_init(&pair, &intr.line);
    program(0x01);
    return 0;
}

static void pulse(unsigned irq)
{
    pic_set_line(&pair, irq, true);
    pic_set_line(&pair, irq, false);
}

static uint8_t read_irr(enum pic_which chip)
{
    pic_write(&pair, chip, COMMAND, READ_IRR);
    return pic_read(&pair, chip, COMMAND);
}

static uint8_t read_isr(enum pic_which chip)
{
    pic_write(&pair, chip, COMMAND, READ_ISR);
    return pic_read(&pair, chip, COMMAND);
}

static void test_silent_until_programmed(void **state)
{
    (void)state;
    pic_init(&pair, &intr.line);
    for (unsigned irq = 0; irq < 20; irq++) {
        pic_set_line(&pair, irq, true);
    }
    assert_false(pic_pending(&pair));
    assert_int_equal(intr.calls, 0);
    assert_int_equal(pic_read(&pair, PIC_MASTER, DATA), 0xff);
}

static void test_every_irq_has_its_vector(void **state)
{
    (void)state;
    for (unsigned irq = 0; irq < 16; irq++) {
        pulse(irq);
        if (irq == 2) {
            assert_false(pic_pending(&pair)); // the cascade is no input of the board
            continue;
        }
        assert_true(intr.level);
        assert_true(pic_pending(&pair));
        assert_int_equal(pic_acknowledge(&pair), 0x20 + irq);
        assert_false(intr.level);
        if (irq >= 8) {
            assert_int_equal(read_isr(PIC_SLAVE), 1 << (irq - 8));
            assert_int_equal(read_isr(PIC_MASTER), 0x04);
            pic_write(&pair, PIC_SLAVE, COMMAND, EOI);
        } else {
            assert_int_equal(read_isr(PIC_MASTER), 1 << irq);
        }
        pic_write(&pair, PIC_MASTER, COMMAND, EOI);
        assert_int_equal(read_isr(PIC_MASTER) | read_isr(PIC_SLAVE), 0);
    }
}

static void test_fully_nested_priorities(void **state)
{
    (void)state;
    pulse(5);
    assert_int_equal(pic_acknowledge(&pair), 0x25);
    pulse(6); // a lower priority waits
    assert_false(intr.level);
    pulse(5); // an equal priority waits
    assert_false(intr.level);
    pulse(10); // comes through the cascade, input 2, so it is higher
    assert_int_equal(pic_acknowledge(&pair), 0x2a);
    pulse(8); // higher within the slave, but the master's input 2 is in service
    assert_false(intr.level);
    pulse(1);
    assert_int_equal(pic_acknowledge(&pair), 0x21);
    assert_int_equal(read_isr(PIC_MASTER), 0x26);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI); // ends 1
    assert_false(intr.level);
    pic_write(&pair, PIC_SLAVE, COMMAND, EOI);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x28);
    pic_write(&pair, PIC_SLAVE, COMMAND, EOI);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI); // ends 5
    assert_int_equal(pic_acknowledge(&pair), 0x25);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x26);
}

static void test_mask_holds_requests_back(void **state)
{
    (void)state;
    pic_write(&pair, PIC_MASTER, DATA, 0x08);
    assert_int_equal(pic_read(&pair, PIC_MASTER, DATA), 0x08);
    pulse(3);
    assert_false(intr.level);
    assert_int_equal(read_irr(PIC_MASTER), 0x08);
    pic_write(&pair, PIC_MASTER, DATA, 0x00);
    assert_int_equal(pic_acknowledge(&pair), 0x23);
    pulse(12);
    assert_int_equal(read_irr(PIC_SLAVE), 0x10);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_true(intr.level);
    pic_write(&pair, PIC_SLAVE, DATA, 0x10); // the slave withdraws its request
    assert_false(intr.level);
    assert_int_equal(read_irr(PIC_MASTER), 0);
}

static void test_spurious_irq7(void **state)
{
    (void)state;
    assert_int_equal(pic_acknowledge(&pair), 0x27);
    assert_int_equal(read_isr(PIC_MASTER), 0);
    pic_elcr_write(&pair, PIC_MASTER, 0x20);
    pulse(5); // the level has gone when INTA comes
    assert_false(intr.level);
    assert_int_equal(pic_acknowledge(&pair), 0x27);
}

static void test_edge_needs_a_new_edge(void **state)
{
    (void)state;
    pic_set_line(&pair, 4, true);
    pic_acknowledge(&pair);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    pic_set_line(&pair, 4, true);
    assert_false(intr.level);
    pic_set_line(&pair, 4, false);
    pic_set_line(&pair, 4, true);
    assert_true(intr.level);
    program(0x01); // initialisation resets the edge sense
    assert_false(intr.level);
    pic_set_line(&pair, 4, true);
    assert_false(intr.level);
}

static void test_level_interrupts_until_it_falls(void **state)
{
    (void)state;
    pic_elcr_write(&pair, PIC_SLAVE, 0xff);
    pic_elcr_write(&pair, PIC_MASTER, 0xff);
    assert_int_equal(pic_elcr_read(&pair, PIC_MASTER), 0xf8);
    assert_int_equal(pic_elcr_read(&pair, PIC_SLAVE), 0xde);
    pic_set_line(&pair, 11, true);
    assert_int_equal(pic_acknowledge(&pair), 0x2b);
    assert_int_equal(read_irr(PIC_SLAVE), 0x08);
    assert_false(intr.level);
    pic_write(&pair, PIC_SLAVE, COMMAND, EOI);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_true(intr.level);
    pic_set_line(&pair, 11, false);
    assert_false(intr.level);
    pic_set_line(&pair, 5, true);
    assert_true(intr.level);
    pic_elcr_write(&pair, PIC_MASTER, 0); // the latch keeps the request
    assert_int_equal(pic_acknowledge(&pair), 0x25);
    assert_int_equal(read_irr(PIC_MASTER), 0);
}

static void test_specific_eoi(void **state)
{
    (void)state;
    pulse(6);
    pic_acknowledge(&pair);
    pulse(3);
    pic_acknowledge(&pair);
    pic_write(&pair, PIC_MASTER, COMMAND, SPECIFIC_EOI | 6);
    assert_int_equal(read_isr(PIC_MASTER), 0x08);
    pic_write(&pair, PIC_MASTER, COMMAND, SPECIFIC_EOI | 5); // 5 is not in service: nothing happens
    assert_int_equal(read_isr(PIC_MASTER), 0x08);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x40); // "no operation"
    assert_int_equal(read_isr(PIC_MASTER), 0x08);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI); // nothing is in service: nothing happens
    assert_int_equal(read_isr(PIC_MASTER), 0);
}

static void test_rotation_on_eoi(void **state)
{
    (void)state;
    pulse(3);
    pic_acknowledge(&pair);
    pic_write(&pair, PIC_MASTER, COMMAND, 0xa0); // 3 becomes lowest, 4 highest
    pulse(3);
    pulse(0);
    pulse(4);
    assert_int_equal(pic_acknowledge(&pair), 0x24);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x20);
    pic_write(&pair, PIC_MASTER, COMMAND, 0xe0 | 0); // rotate on specific EOI: 1 highest
    assert_int_equal(pic_acknowledge(&pair), 0x23);
    pulse(0);
    assert_false(intr.level);
    pulse(1);
    assert_true(intr.level);
}

static void test_set_priority(void **state)
{
    (void)state;
    pic_write(&pair, PIC_MASTER, COMMAND, 0xc0 | 5); // 5 lowest, 6 highest
    pulse(0);
    pulse(5);
    pulse(6);
    assert_int_equal(pic_acknowledge(&pair), 0x26);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x20);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x25);
}

static void test_automatic_eoi_with_and_without_rotation(void **state)
{
    (void)state;
    program(0x03);
    pulse(3);
    assert_int_equal(pic_acknowledge(&pair), 0x23);
    assert_int_equal(read_isr(PIC_MASTER), 0);
    pulse(12);
    assert_int_equal(pic_acknowledge(&pair), 0x2c);
    assert_int_equal(read_isr(PIC_MASTER) | read_isr(PIC_SLAVE), 0);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x80);
    pulse(3);
    pic_acknowledge(&pair);
    pulse(3);
    pulse(4);
    assert_int_equal(pic_acknowledge(&pair), 0x24);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x00);
    assert_int_equal(pic_acknowledge(&pair), 0x23);
}

static void test_poll(void **state)
{
    (void)state;
    pic_write(&pair, PIC_MASTER, COMMAND, POLL);
    assert_int_equal(pic_read(&pair, PIC_MASTER, COMMAND) & 0x80, 0);
    pulse(6);
    pulse(9);
    pic_write(&pair, PIC_MASTER, COMMAND, POLL);
    assert_int_equal(pic_read(&pair, PIC_MASTER, COMMAND), 0x82);
    assert_int_equal(read_isr(PIC_MASTER), 0x04);
    pic_write(&pair, PIC_SLAVE, COMMAND, POLL);
    assert_int_equal(pic_read(&pair, PIC_SLAVE, DATA), 0x81);
    assert_int_equal(read_isr(PIC_SLAVE), 0x02);
    assert_false(intr.level);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI);
    assert_int_equal(pic_acknowledge(&pair), 0x26);
    assert_int_equal(pic_read(&pair, PIC_MASTER, DATA), 0x00); // one poll gives one answer
}

static void test_special_mask_mode(void **state)
{
    (void)state;
    pulse(2);
    pulse(3);
    pic_acknowledge(&pair);
    pulse(6);
    assert_false(intr.level);
    pic_write(&pair, PIC_MASTER, DATA, 0x08);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x68); // set special mask mode
    assert_true(intr.level);
    assert_int_equal(pic_acknowledge(&pair), 0x26);
    pic_write(&pair, PIC_MASTER, COMMAND, EOI); // 3 is masked and stays in service
    assert_int_equal(read_isr(PIC_MASTER), 0x08);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x48); // clear special mask mode
    pulse(6);
    assert_false(intr.level);
}

static void test_initialisation_sequences(void **state)
{
    (void)state;
    pic_write(&pair, PIC_MASTER, COMMAND, 0x10); // no ICW4
    pic_write(&pair, PIC_MASTER, DATA, 0x47); // the number of the input replaces the low three bits
    pic_write(&pair, PIC_MASTER, DATA, 0x04);
    pic_write(&pair, PIC_MASTER, DATA, 0xfe); // this byte is already the mask
    assert_int_equal(pic_read(&pair, PIC_MASTER, DATA), 0xfe);
    pulse(0);
    assert_int_equal(pic_acknowledge(&pair), 0x40);
    pic_write(&pair, PIC_MASTER, COMMAND, 0x13); // single: no ICW3
    pic_write(&pair, PIC_MASTER, DATA, 0x50);
    pic_write(&pair, PIC_MASTER, DATA, 0x03);
    pulse(1);
    assert_int_equal(pic_acknowledge(&pair), 0x51);
    assert_int_equal(read_isr(PIC_MASTER), 0); // automatic EOI was taken from ICW4
    pic_write(&pair, PIC_MASTER, COMMAND, 0x12);
    pic_write(&pair, PIC_MASTER, DATA, 0x60);
    pic_write(&pair, PIC_MASTER, DATA, 0xff);
    assert_int_equal(pic_read(&pair, PIC_MASTER, DATA), 0xff);
}

static void test_reset_keeps_the_lines(void **state)
{
    (void)state;
    pic_set_line(&pair, 3, true);
    assert_true(intr.level);
    pic_reset(&pair);
    assert_false(intr.level);
    program(0x01);
    pic_set_line(&pair, 3, true); // the line is already high: no edge
    assert_false(intr.level);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_silent_until_programmed, set_up),
        cmocka_unit_test_setup(test_every_irq_has_its_vector, set_up),
        cmocka_unit_test_setup(test_fully_nested_priorities, set_up),
        cmocka_unit_test_setup(test_mask_holds_requests_back, set_up),
        cmocka_unit_test_setup(test_spurious_irq7, set_up),
        cmocka_unit_test_setup(test_edge_needs_a_new_edge, set_up),
        cmocka_unit_test_setup(test_level_interrupts_until_it_falls, set_up),
        cmocka_unit_test_setup(test_specific_eoi, set_up),
        cmocka_unit_test_setup(test_rotation_on_eoi, set_up),
        cmocka_unit_test_setup(test_set_priority, set_up),
        cmocka_unit_test_setup(test_automatic_eoi_with_and_without_rotation, set_up),
        cmocka_unit_test_setup(test_poll, set_up),
        cmocka_unit_test_setup(test_special_mask_mode, set_up),
        cmocka_unit_test_setup(test_initialisation_sequences, set_up),
        cmocka_unit_test_setup(test_reset_keeps_the_lines, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
