// SPDX-License-Identifier: MIT
// Tests of formatted text. Most results are compared with the C library's printf.
#include "vmm/util/format.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BUFFER_BYTES 128

// The same text and length as the C library's.
#define assert_like_libc(...)                                                                      \
    do {                                                                                           \
        char ours[BUFFER_BYTES];                                                                   \
        char theirs[BUFFER_BYTES];                                                                 \
        size_t length = format_text(ours, sizeof(ours), __VA_ARGS__);                              \
        assert_int_equal(length, snprintf(theirs, sizeof(theirs), __VA_ARGS__));                   \
        assert_string_equal(ours, theirs);                                                         \
    } while (0)

static void test_numbers(void **state)
{
    (void)state;
    assert_like_libc("%d %i %u", -5, 0, 4000000000u);
    assert_like_libc("%d %d", INT32_MIN, INT32_MAX);
    assert_like_libc("%ld %lu", INT64_MIN, UINT64_MAX);
    assert_like_libc("%lld %llu %llx", -1LL, 1ULL, ~0ULL);
    assert_like_libc("%x %X %#x %#x", 0xbeefu, 0xbeefu, 0xbeefu, 0u);
    assert_like_libc("%zu %zx", (size_t)12, (size_t)0xabc);
    assert_like_libc("%lx", 0xffffffff80000000ul);
}

static void test_short_numbers_are_cut(void **state)
{
    (void)state;
    assert_like_libc("%hhu %hu", (unsigned char)200, (unsigned short)60000);
    assert_like_libc("%hhd %hd", (signed char)-3, (short)-300);
}

static void test_widths(void **state)
{
    (void)state;
    assert_like_libc("[%5d][%-5d][%05d]", 42, 42, 42);
    assert_like_libc("[%5d][%-5d][%05d]", -42, -42, -42);
    assert_like_libc("[%016lx][%#06x][%#6x]", 0x1234ul, 0x12u, 0x12u);
    assert_like_libc("[%*d][%-*d]", 6, 1, 6, 2);
    assert_like_libc("[%2d]", 12345);
}

static void test_text(void **state)
{
    (void)state;
    assert_like_libc("%s and %s", "this", "");
    assert_like_libc("[%8s][%-8s]", "right", "left");
    assert_like_libc("[%.3s][%.0s][%.*s]", "abcdef", "abc", 2, "xyz");
    assert_like_libc("[%6.2s][%-6.2s]", "abc", "abc");
    assert_like_libc("%c%c [%3c]", 'o', 'k', '!');
    assert_like_libc("100%%");
}

static void test_precision_is_read_before_the_end(void **state)
{
    const char no_end[3] = {'a', 'b', 'c'};
    char text[8];
    (void)state;
    format_text(text, sizeof(text), "%.3s", no_end);
    assert_string_equal(text, "abc");
}

static void test_pointers_and_null(void **state)
{
    const char *volatile nothing = NULL;
    char text[64];
    (void)state;
    format_text(text, sizeof(text), "%p %p", (void *)0x1000, (void *)0);
    assert_string_equal(text, "0x1000 0x0");
    format_text(text, sizeof(text), "%s", nothing);
    assert_string_equal(text, "(null)");
}

static void test_unknown_conversion_is_copied(void **state)
{
    const char *volatile formats[] = {"%q", "%", "%5", "%l", "a%-08.3yb"};
    char text[32];
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
        assert_int_equal(format_text(text, sizeof(text), formats[i]), strlen(formats[i]));
#pragma GCC diagnostic pop
        assert_string_equal(text, formats[i]);
    }
}

static void test_cut_text_has_its_whole_length(void **state)
{
    char text[4] = "???";
    (void)state;
    assert_int_equal(format_text(text, sizeof(text), "%d", 123456), 6);
    assert_string_equal(text, "123");
    assert_int_equal(format_text(text, 1, "abc"), 3);
    assert_string_equal(text, "");
    text[0] = '!';
    assert_int_equal(format_text(text, 0, "abc"), 3);
    assert_int_equal(text[0], '!');
    assert_int_equal(format_text(NULL, 0, "%s", "abcd"), 4);
}

static char shown[FORMAT_LINE_BYTES];

static void show(const char *text)
{
    strcpy(shown, text);
}

static void test_lines_are_cut(void **state)
{
    (void)state;
    format_line(show, "%s %u", "CPU", 3);
    assert_string_equal(shown, "CPU 3");
    format_line(show, "%*d", FORMAT_LINE_BYTES, 7);
    assert_int_equal(strlen(shown), FORMAT_LINE_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_short_numbers_are_cut),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_precision_is_read_before_the_end),
        cmocka_unit_test(test_pointers_and_null),
        cmocka_unit_test(test_unknown_conversion_is_copied),
        cmocka_unit_test(test_cut_text_has_its_whole_length),
        cmocka_unit_test(test_lines_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
