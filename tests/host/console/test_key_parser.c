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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_bytes),
        cmocka_unit_test(test_cursor_keys),
        cmocka_unit_test(test_modifiers_are_read_over),
        cmocka_unit_test(test_unknown_sequences_are_nothing),
        cmocka_unit_test(test_cut_sequences_do_not_swallow_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
