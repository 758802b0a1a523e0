// SPDX-License-Identifier: MIT
// Tests of the filter that makes a guest's bytes harmless for the user's terminal.
#include "vmm/console/line_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// The text that is shown for `bytes`, with a '|' for each end of a line.
static const char *filtered(const char *bytes, size_t length)
{
    static char shown[256];
    struct line_filter filter;
    size_t at = 0;
    bool empty = true;
    line_filter_init(&filter);
    for (size_t i = 0; i < length; i++) {
        enum line_filter_result result = line_filter_byte(&filter, (uint8_t)bytes[i], empty);
        if (result == FILTER_END || result == FILTER_END_TEXT) {
            shown[at++] = '|';
            empty = true;
        }
        if (result == FILTER_TEXT || result == FILTER_END_TEXT) {
            shown[at++] = filter.character;
            empty = false;
        }
    }
    shown[at] = '\0';
    return shown;
}

#define assert_filtered(bytes, expected)                                                           \
    assert_string_equal(filtered(bytes, sizeof(bytes) - 1), expected)

static void test_text_and_newlines(void **state)
{
    (void)state;
    assert_filtered("abc\ndef\n", "abc|def|");
    assert_filtered("abc\r\ndef\r\n", "abc|def|");
    assert_filtered("\n\r\n", "||");
    assert_filtered("a\tb ~", "a\tb ~");
}

static void test_lone_cr_ends_a_line_with_text(void **state)
{
    (void)state;
    assert_filtered("10%\r20%\r\n", "10%|20%|");
    assert_filtered("a\n\rb\n\r", "a|b|");
    assert_filtered("a\r\r\r\n", "a|");
    assert_filtered("a\r\x1b[Kb", "a|b");
}

static void test_control_characters_vanish(void **state)
{
    (void)state;
    assert_filtered("a\0b\x07"
                    "c\x08"
                    "d\x7f"
                    "e\x0e\x0f\x18",
                    "abcde");
}

static void test_escape_sequences_vanish(void **state)
{
    (void)state;
    assert_filtered("\x1b[31mred\x1b[0m", "red");
    assert_filtered("\x1b[2J\x1b[1;1Hx", "x");
    assert_filtered("\x1b]0;title\x07x", "x");
    assert_filtered("\x1b]0;title\x1b\\x", "x");
    assert_filtered("\x1bP1$qm\x1b\\x", "x");
    assert_filtered("\x1b(0x", "x");
    assert_filtered("\x1b"
                    "cx",
                    "x");
    assert_filtered("\x1b[5nx\x1b[cx", "xx");
    assert_filtered("\x1b\x1b[31mx", "x");
}

static void test_unfinished_sequences_end_with_the_line(void **state)
{
    (void)state;
    assert_filtered("\x1b[12\nabc", "|abc");
    assert_filtered("\x1b]0;never ended\nabc", "|abc");
    assert_filtered("\x1b\nabc", "|abc");
}

static void test_other_characters_are_marks(void **state)
{
    (void)state;
    assert_filtered("gr\xc3\xbc\xc3\x9f", "gr??");
    assert_filtered("\xe2\x82\xac", "?");
    assert_filtered("\x9b"
                    "31mx",
                    "31mx"); // C1's CSI is no sequence here, and does not get out
    assert_filtered("\xc2\x9b"
                    "31mx",
                    "?31mx");
}

static void test_every_pair_of_bytes_is_harmless(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const char bytes[2] = {(char)(i >> 8), (char)i};
        const char *shown = filtered(bytes, 2);
        for (; *shown != '\0'; shown++) {
            assert_true((*shown >= ' ' && *shown <= '~') || *shown == '\t');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_and_newlines),
        cmocka_unit_test(test_lone_cr_ends_a_line_with_text),
        cmocka_unit_test(test_control_characters_vanish),
        cmocka_unit_test(test_escape_sequences_vanish),
        cmocka_unit_test(test_unfinished_sequences_end_with_the_line),
        cmocka_unit_test(test_other_characters_are_marks),
        cmocka_unit_test(test_every_pair_of_bytes_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
