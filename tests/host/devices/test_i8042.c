// SPDX-License-Identifier: MIT
// Tests of the keyboard controller, its keyboard and its reset line.
#include "vmm/devices/i8042.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"

enum { FULL = 0x01, COMMANDED = 0x08 };

static struct i8042 i8042;
static struct fake_line line;
static struct fake_line reset;

static int set_up(void **state)
{
    (void)state;
    fake_line_init(&line);
    fake_line_init(&reset);
    i8042_init(&i8042, &line.line, &reset.line);
    return 0;
}

static unsigned status(void)
{
    return i8042_read(&i8042, I8042_COMMAND);
}

static void command(uint8_t value)
{
    i8042_write(&i8042, I8042_COMMAND, value);
}

static void data(uint8_t value)
{
    i8042_write(&i8042, I8042_DATA, value);
}

// Reads the next byte. The test fails if there is none.
static unsigned next(void)
{
    assert_true(status() & FULL);
    return i8042_read(&i8042, I8042_DATA);
}

static void test_no_key(void **state)
{
    (void)state;
    assert_int_equal(status(), 0x14);
    assert_int_equal(i8042_read(&i8042, I8042_DATA), 0);
    assert_int_equal(status(), 0x14);
    assert_int_equal(line.calls + reset.calls, 0);
}

static void test_controller_commands(void **state)
{
    static const struct {
        uint8_t command;
        uint8_t answer;
    } answers[] = {{0xaa, 0x55}, {0xab, 0x00}, {0xa9, 0x01}, {0xc0, 0x80},
                   {0x20, 0x65}, {0xa4, 0xf1}, {0xe0, 0x00}};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(answers); i++) {
        command(answers[i].command);
        assert_int_equal(status() & COMMANDED, COMMANDED);
        assert_int_equal(next(), answers[i].answer);
        assert_false(status() & FULL);
    }
}

static void test_command_byte(void **state)
{
    (void)state;
    command(0x60);
    data(0xff);
    assert_int_equal(status() & COMMANDED, 0);
    command(0x20);
    assert_int_equal(next(), 0x7f);
    command(0xae);
    command(0xa8);
    command(0x20);
    assert_int_equal(next(), 0x4f);
    command(0xad);
    command(0xa7);
    command(0x20);
    assert_int_equal(next(), 0x7f);
    command(0x60);
    command(0x20); // another command instead of the parameter
    assert_int_equal(next(), 0x7f);
}

static void test_ram(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 32; i++) {
        command((uint8_t)(0x60 + i));
        data((uint8_t)(0xff - i));
    }
    for (unsigned i = 1; i < 32; i++) {
        command((uint8_t)(0x20 + i));
        assert_int_equal(next(), 0xff - i);
    }
    command(0x20); // byte 0 is the command byte
    assert_int_equal(next(), 0x65);
    command(0x7f);
    command(0x3f); // another command instead of the parameter
    assert_int_equal(next(), 0xff - 31);
    i8042_reset(&i8042);
    command(0x21);
    assert_int_equal(next(), 0);
}

static void test_reset_by_pulse(void **state)
{
    (void)state;
    for (unsigned value = 0xf0; value <= 0xff; value++) {
        unsigned before = reset.rises;
        command((uint8_t)value);
        assert_int_equal(reset.rises - before, !(value & 1));
        assert_false(reset.level);
    }
}

static void test_output_port(void **state)
{
    (void)state;
    command(0xd0);
    assert_int_equal(next(), 0x03);
    command(0xd1);
    data(0xdd); // A20 off
    command(0xd0);
    assert_int_equal(next(), 0x01);
    command(0xd1);
    data(0xdf);
    assert_int_equal(reset.rises, 0);
    command(0xdd);
    command(0xd0);
    assert_int_equal(next(), 0x01);
    command(0xdf);
    command(0xd0);
    assert_int_equal(next(), 0x03);
    command(0xd1);
    data(0xde);
    assert_int_equal(reset.rises, 1);
}

static const struct {
    uint8_t bytes[2];
    uint8_t count;
    uint8_t answers[3];
    uint8_t answer_count;
} dialogues[] = {
    {{0xff}, 1, {0xfa, 0xaa}, 2},
    {{0xf2}, 1, {0xfa, 0xab, 0x41}, 3},
    {{0xed, 0x07}, 2, {0xfa, 0xfa}, 2},
    {{0xf3, 0x00}, 2, {0xfa, 0xfa}, 2},
    {{0xf0, 0x02}, 2, {0xfa, 0xfa}, 2},
    {{0xf0, 0x00}, 2, {0xfa, 0xfa, 0x41}, 3}, // the answer is set 2, translated
    {{0xf0, 0x04}, 2, {0xfa, 0xfe}, 2},       // there is no set 4
    {{0xf0, 0x03}, 2, {0xfa, 0xfa}, 2},
    {{0xf0, 0x00}, 2, {0xfa, 0xfa, 0x3f}, 3},
    {{0xf7}, 1, {0xfa}, 1},
    {{0xf8}, 1, {0xfa}, 1},
    {{0xf9}, 1, {0xfa}, 1},
    {{0xfa}, 1, {0xfa}, 1},
    {{0xfb, 0x1c}, 2, {0xfa, 0xfa}, 2},
    {{0xfc, 0x8d}, 2, {0xfa, 0xfa}, 2},
    {{0xfd, 0xec}, 2, {0xfa, 0xfa}, 2}, // there is no such key
    {{0xf4}, 1, {0xfa}, 1},
    {{0xf5}, 1, {0xfa}, 1},
    {{0xf6}, 1, {0xfa}, 1},
    {{0xee}, 1, {0xee}, 1},
    {{0xfe}, 1, {0xee}, 1},             // the last byte again
    {{0xed, 0xf4}, 2, {0xfa, 0xfa}, 2}, // a command instead of the parameter
    {{0x07}, 1, {0xfe}, 1},             // so this is none
    {{0xf0, 0xee}, 2, {0xfa, 0xee}, 2},
    {{0x12}, 1, {0xfe}, 1},
};

static void test_keyboard_commands(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(dialogues); i++) {
        unsigned got = 0;
        for (unsigned j = 0; j < dialogues[i].count; j++) {
            data(dialogues[i].bytes[j]);
            while (status() & FULL) {
                assert_int_equal(next(), dialogues[i].answers[got++]);
            }
        }
        assert_int_equal(got, dialogues[i].answer_count);
    }
}

static void test_keys_and_interrupt(void **state)
{
    (void)state;
    command(0x60);
    data(0x64);
    assert_true(i8042_type(&i8042, 0x1e));
    assert_false(line.level); // not enabled in the command byte
    command(0x60);
    data(0x65);
    assert_true(line.level);
    assert_true(i8042_type(&i8042, 0x9e));
    assert_int_equal(next(), 0x1e);
    assert_true(line.level); // the line fell, and rose again for the second byte
    assert_int_equal(line.rises, 2);
    assert_int_equal(next(), 0x9e);
    assert_false(line.level);
}

// Small systems trust what the firmware has set up.
static void test_keys_interrupt_from_the_start(void **state)
{
    (void)state;
    assert_true(i8042_type(&i8042, 0x1e));
    assert_true(line.level);
    assert_int_equal(next(), 0x1e);
    assert_false(line.level);
}

static void test_keyboard_buffer_is_bounded_and_ordered(void **state)
{
    unsigned typed = 0;
    (void)state;
    while (i8042_type(&i8042, (uint8_t)typed)) {
        typed++;
        assert_true(typed < 100);
    }
    assert_int_equal(typed, 1 + I8042_KEYBOARD_BYTES); // one byte is in port 0x60
    for (unsigned i = 0; i < typed; i++) {
        assert_int_equal(next(), i);
    }
    assert_false(status() & FULL);
}

static void test_keys_wait_while_disabled(void **state)
{
    (void)state;
    command(0xad);
    assert_true(i8042_type(&i8042, 0x1e));
    assert_false(status() & FULL);
    command(0xae);
    assert_int_equal(next(), 0x1e);
    data(0xf5); // scanning off
    assert_int_equal(next(), 0xfa);
    assert_false(i8042_type(&i8042, 0x1e));
}

// For example, a driver sets the LEDs while somebody types.
static void test_answers_overtake_what_was_typed(void **state)
{
    (void)state;
    command(0xad); // holds the keyboard's clock, so that no byte leaves the keyboard
    assert_true(i8042_type(&i8042, 0x1e));
    assert_true(i8042_type(&i8042, 0x9e));
    data(0xed);
    data(0x02);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 0x1e);
    assert_int_equal(next(), 0x9e);
    assert_false(status() & FULL);
}

static void test_some_commands_throw_away_what_was_typed(void **state)
{
    static const uint8_t clearing[] = {0xf4, 0xf5, 0xf6, 0xf8, 0xfc, 0xff, 0xf0};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(clearing); i++) {
        i8042_reset(&i8042);
        command(0xad);
        assert_true(i8042_type(&i8042, 0x1e));
        data(clearing[i]);
        assert_int_equal(next(), 0xfa);
        assert_int_equal(status() & FULL, clearing[i] == 0xff);
    }
}

static void test_answers_of_a_pc_without_mouse(void **state)
{
    (void)state;
    command(0xd3);
    data(0x5a);
    assert_int_equal(next(), 0x5a);
    command(0xd4);
    data(0xf2);
    assert_int_equal(next(), 0xfe);
    command(0xd2);
    data(0x77);
    assert_int_equal(next(), 0x77);
}

static void test_every_command_is_safe(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            command((uint8_t)first);
            data((uint8_t)second);
            data((uint8_t)first);
            i8042_read(&i8042, I8042_DATA);
        }
    }
    assert_true(i8042.keyboard_count <= I8042_QUEUE_BYTES);
}

static void test_reset_lowers_the_line(void **state)
{
    (void)state;
    command(0x60);
    data(0x65);
    assert_true(i8042_type(&i8042, 0x1e));
    assert_true(line.level);
    i8042_reset(&i8042);
    assert_false(line.level);
    assert_int_equal(status(), 0x14);
}

static void assert_types(const char *set_1, const char *expected)
{
    for (; *set_1 != '\0'; set_1++) {
        assert_true(i8042_type(&i8042, (uint8_t)*set_1));
    }
    for (; *expected != '\0'; expected++) {
        assert_int_equal(next(), (uint8_t)*expected);
    }
    assert_false(status() & FULL);
}

static void choose_set(uint8_t set)
{
    data(0xf0);
    data(set);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 0xfa);
}

static void test_the_guest_chooses_its_scan_codes(void **state)
{
    (void)state;
    assert_types("\x1e\x9e\xe0\x48\xe0\xc8", "\x1e\x9e\xe0\x48\xe0\xc8"); // translated
    command(0x60);
    data(0x00); // translation off: the keyboard's own set 2
    assert_types("\x1e\x9e", "\x1c\xf0\x1c");
    assert_types("\xe0\x48\xe0\xc8", "\xe0\x75\xe0\xf0\x75");
    assert_types("\x01\x58\xd8", "\x76\x07\xf0\x07");
    data(0xf0);
    data(0x00);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 2);
    choose_set(1);
    assert_types("\x1e\x9e", "\x1e\x9e");
    data(0xf6); // the defaults
    assert_int_equal(next(), 0xfa);
    assert_types("\x1e\x9e", "\x1c\xf0\x1c");
}

static void test_f5_restores_the_defaults_and_stops(void **state)
{
    (void)state;
    command(0x60);
    data(0x00);
    choose_set(1);
    data(0xf5);
    assert_int_equal(next(), 0xfa);
    assert_false(i8042_type(&i8042, 0x1e));
    data(0xf6); // does not start it again
    assert_int_equal(next(), 0xfa);
    assert_false(i8042_type(&i8042, 0x1e));
    data(0xf4);
    assert_int_equal(next(), 0xfa);
    assert_types("\x1e\x9e", "\x1c\xf0\x1c");
}

static void send(uint8_t value)
{
    data(value);
    assert_int_equal(next(), 0xfa);
}

static void test_set_3(void **state)
{
    (void)state;
    command(0x60);
    data(0x00);
    choose_set(3);
    assert_types("\x1e\x9e", "\x1c"); // only the make code
    assert_types("\x2a\xaa\x36\xb6\x1d\x9d\x38\xb8",
                 "\x12\xf0\x12\x59\xf0\x59\x11\xf0\x11\x19\xf0\x19");
    assert_types("\xe0\x1d\xe0\x9d\xe0\x48\xe0\xc8\x48\xc8", "\x58\x63\x75");
    assert_types("\x01\x3b\x57\x58\x4a\x4e\xe0\x35\xe0\x5d\xe0\x01",
                 "\x08\x07\x56\x5e\x84\x7c\x77\x8d");
    send(0xfa); // all keys tell when they are let go
    assert_types("\x1e\x9e\xe0\x48\xe0\xc8", "\x1c\xf0\x1c\x63\xf0\x63");
    send(0xf9);
    assert_types("\x2a\xaa", "\x12");
    send(0xfc); // and those that follow
    send(0x1c);
    send(0x8d);
    assert_types("\x1e\x9e\xe0\x5d\xe0\xdd\x30\xb0", "\x1c\xf0\x1c\x8d\xf0\x8d\x32");
    send(0xfd);
    send(0x1c);
    send(0xf4);
    assert_types("\x1e\x9e", "\x1c");
    data(0xf0);
    data(0x00);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 0xfa);
    assert_int_equal(next(), 3);
    send(0xf6);
    choose_set(3);
    assert_types("\x1e\x9e\x2a\xaa", "\x1c\x12\xf0\x12");
}

// The queue takes both bytes of a code of set 2, or neither.
static void test_half_a_code_does_not_go_in(void **state)
{
    unsigned typed = 0;
    (void)state;
    command(0x60);
    data(0x00);
    while (i8042_type(&i8042, 0x9e)) {
        typed++;
    }
    for (unsigned i = 0; i < typed; i++) {
        assert_int_equal(next(), 0xf0);
        assert_int_equal(next(), 0x1c);
    }
    assert_false(status() & FULL);
}

// The guest sends one command after the other, and reads no answer.
static void test_answers_that_fill_the_queue_leave_no_room_to_type(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3 * I8042_QUEUE_BYTES; i++) {
        data(0xee);
    }
    assert_false(i8042_type(&i8042, 0x1e));
    assert_int_equal(i8042.keyboard_count, I8042_QUEUE_BYTES);
    while (status() & FULL) {
        assert_int_equal(next(), 0xee);
    }
    assert_true(i8042_type(&i8042, 0x1e));
    assert_int_equal(next(), 0x1e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_no_key, set_up),
        cmocka_unit_test_setup(test_controller_commands, set_up),
        cmocka_unit_test_setup(test_command_byte, set_up),
        cmocka_unit_test_setup(test_ram, set_up),
        cmocka_unit_test_setup(test_reset_by_pulse, set_up),
        cmocka_unit_test_setup(test_output_port, set_up),
        cmocka_unit_test_setup(test_keyboard_commands, set_up),
        cmocka_unit_test_setup(test_keys_and_interrupt, set_up),
        cmocka_unit_test_setup(test_keys_interrupt_from_the_start, set_up),
        cmocka_unit_test_setup(test_keyboard_buffer_is_bounded_and_ordered, set_up),
        cmocka_unit_test_setup(test_keys_wait_while_disabled, set_up),
        cmocka_unit_test_setup(test_answers_of_a_pc_without_mouse, set_up),
        cmocka_unit_test_setup(test_every_command_is_safe, set_up),
        cmocka_unit_test_setup(test_reset_lowers_the_line, set_up),
        cmocka_unit_test_setup(test_answers_overtake_what_was_typed, set_up),
        cmocka_unit_test_setup(test_some_commands_throw_away_what_was_typed, set_up),
        cmocka_unit_test_setup(test_the_guest_chooses_its_scan_codes, set_up),
        cmocka_unit_test_setup(test_set_3, set_up),
        cmocka_unit_test_setup(test_f5_restores_the_defaults_and_stops, set_up),
        cmocka_unit_test_setup(test_half_a_code_does_not_go_in, set_up),
        cmocka_unit_test_setup(test_answers_that_fill_the_queue_leave_no_room_to_type, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
