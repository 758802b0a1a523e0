// SPDX-License-Identifier: MIT
// Tests of the parser of typed bytes.
#include "vmm/console/key_parser.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// Feeds all bytes; every key but the last must be KEY_NONE.
static unsigned key_of(const char *bytes)
{
    struct key_parser parser;
    unsigned key = KEY_NONE;
    key_parser_init(&parser);
    for (; *bytes != '\0'; bytes++) {
        assert_int_equal(key, KEY_NONE);
        key = key_parser_byte(&parser, (uint8_t)*bytes);
    }
    assert_int_equal(parser.state, KEYS_PLAIN);
    return key;
}

static void test_plain_bytes(void **state)
{
    (void)state;
    assert_int_equal(key_of("a"), 'a');
    assert_int_equal(key_of("\r"), '\r');
    assert_int_equal(key_of("\x03"), KEY_CTRL('C'));
    assert_int_equal(key_of("\x1d"), KEY_CTRL(']'));
    assert_int_equal(key_of("\xff"), 0xff);
    assert_int_equal(key_of("\b"), KEY_BACKSPACE);
    assert_int_equal(key_of("\x7f"), KEY_BACKSPACE);
}

static void test_cursor_keys(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b[A"), KEY_UP);
    assert_int_equal(key_of("\x1b[B"), KEY_DOWN);
    assert_int_equal(key_of("\x1b[C"), KEY_RIGHT);
    assert_int_equal(key_of("\x1b[D"), KEY_LEFT);
    assert_int_equal(key_of("\x1b[H"), KEY_HOME);
    assert_int_equal(key_of("\x1b[F"), KEY_END);
    assert_int_equal(key_of("\x1bOA"), KEY_UP);
    assert_int_equal(key_of("\x1bOF"), KEY_END);
    assert_int_equal(key_of("\x1b[1~"), KEY_HOME);
    assert_int_equal(key_of("\x1b[3~"), KEY_DELETE);
    assert_int_equal(key_of("\x1b[8~"), KEY_END);
}

static void test_modifiers_are_read_over(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b[1;5C"), KEY_RIGHT);
    assert_int_equal(key_of("\x1b[3;2~"), KEY_DELETE);
}

static void test_unknown_sequences_are_nothing(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b[15~"), KEY_NONE);
    assert_int_equal(key_of("\x1b[99999999999999999999~"), KEY_NONE);
    assert_int_equal(key_of("\x1b[Z"), KEY_NONE);
    assert_int_equal(key_of("\x1b[?1;2c"), KEY_NONE);
    assert_int_equal(key_of("\x1bx"), KEY_NONE);
}

static void test_cut_sequences_do_not_swallow_control(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b\r"), '\r');
    assert_int_equal(key_of("\x1b[\r"), '\r');
    assert_int_equal(key_of("\x1b[12\x03"), KEY_CTRL('C'));
    assert_int_equal(key_of("\x1b\x1b[A"), KEY_UP);
    assert_int_equal(key_of("\x1b[\x1b[A"), KEY_UP);
}

static void test_answers_of_a_terminal_are_nothing(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b[24;80R"), KEY_NONE);
    assert_int_equal(key_of("\x1b]11;rgb:0000/0000/0000\x1b\\"), KEY_NONE);
    assert_int_equal(key_of("\x1b]lpoweroff\rpoweroff\r\x07"), KEY_NONE);
    assert_int_equal(key_of("\x1bP1$r0m\x1b\\"), KEY_NONE);
    assert_int_equal(key_of("\x1b_Gi=1;OK\x1b\\"), KEY_NONE);
    assert_int_equal(key_of("\x9b?62;1c"), KEY_NONE);
    assert_int_equal(key_of("\x9dltitle\x9c"), KEY_NONE);
    assert_int_equal(key_of("\x1b/Z"), KEY_NONE); // VT52
}

static void test_mouse_reports_are_nothing(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b[M !\""), KEY_NONE);
    assert_int_equal(key_of("\x1b[M#\xff\x80"), KEY_NONE);
    assert_int_equal(key_of("\x1b[<0;10;20M"), KEY_NONE);
    assert_int_equal(key_of("\x1b[32;10;20M"), KEY_NONE);
    assert_int_equal(key_of("\x1bOM"), KEY_NONE); // Enter of the keypad
    assert_int_equal(key_of("\x1b[M \r"), '\r');
}

static void test_a_string_can_be_left(void **state)
{
    (void)state;
    assert_int_equal(key_of("\x1b]text\x03"), KEY_NONE);
    assert_int_equal(key_of("\x1b]text\x18"), KEY_NONE);
    assert_int_equal(key_of("\x1b]text\x1b[A"), KEY_UP);
}

// In UTF-8 the bytes from 0x80 to 0x9f belong to a character.
static void test_characters_outside_ascii_start_no_sequence(void **state)
{
    (void)state;
    struct key_parser parser;
    key_parser_init(&parser);
    for (const char *byte = "\xd0\x9b\xe2\x82\x9d"; *byte != '\0'; byte++) {
        assert_int_equal(key_parser_byte(&parser, (uint8_t)*byte), (uint8_t)*byte);
    }
    assert_int_equal(key_parser_byte(&parser, 'a'), 'a');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_bytes),
        cmocka_unit_test(test_cursor_keys),
        cmocka_unit_test(test_modifiers_are_read_over),
        cmocka_unit_test(test_unknown_sequences_are_nothing),
        cmocka_unit_test(test_answers_of_a_terminal_are_nothing),
        cmocka_unit_test(test_mouse_reports_are_nothing),
        cmocka_unit_test(test_a_string_can_be_left),
        cmocka_unit_test(test_characters_outside_ascii_start_no_sequence),
        cmocka_unit_test(test_cut_sequences_do_not_swallow_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
