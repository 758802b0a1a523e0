// SPDX-License-Identifier: MIT
// Tests of the text helpers.
#include "vmm/util/string.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_equal(void **state)
{
    (void)state;
    assert_true(text_equal("", ""));
    assert_true(text_equal("hog", "hog"));
    assert_false(text_equal("hog", "hogs"));
    assert_false(text_equal("hogs", "hog"));
    assert_false(text_equal("hog", "hag"));
}

static void test_copy(void **state)
{
    char buffer[5] = "????";
    (void)state;
    assert_int_equal(text_copy(buffer, sizeof(buffer), "abc"), 3);
    assert_string_equal(buffer, "abc");
    assert_int_equal(text_copy(buffer, sizeof(buffer), "abcdefgh"), 8);
    assert_string_equal(buffer, "abcd");
    assert_int_equal(text_copy(buffer, 1, "x"), 1);
    assert_string_equal(buffer, "");
    buffer[0] = '!';
    assert_int_equal(text_copy(buffer, 0, "x"), 1);
    assert_int_equal(buffer[0], '!');
}

static bool parses(const char *text, uint64_t expected)
{
    uint64_t value = ~expected;
    return text_parse_u64(text, strlen(text), &value) && value == expected;
}

static void test_numbers(void **state)
{
    (void)state;
    assert_true(parses("0", 0));
    assert_true(parses("007", 7));
    assert_true(parses("512", 512));
    assert_true(parses("18446744073709551615", UINT64_MAX));
    assert_true(parses("0x0", 0));
    assert_true(parses("0xFee00000", 0xfee00000));
    assert_true(parses("0XffffffffffffffFF", UINT64_MAX));
}

static void test_what_is_no_number(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1M",
        "0x",
        "0xg",
        "1a",
        "0b1",
        "18446744073709551616",
        "99999999999999999999",
        "0x10000000000000000",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t value = 77;
        assert_false(text_parse_u64(bad[i], strlen(bad[i]), &value));
        assert_int_equal(value, 77);
    }
}

static void test_number_ends_at_its_length(void **state)
{
    uint64_t value;
    (void)state;
    assert_true(text_parse_u64("512M", 3, &value));
    assert_int_equal(value, 512);
    assert_false(text_parse_u64("0x1", 2, &value));
}

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"4096", 4096},
        {"4k", 4 * KIB},
        {"512M", 512 * MIB},
        {"0x10K", 16 * KIB},
        {"17179869183g", 17179869183 * GIB},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint64_t bytes = 77;
        assert_true(text_parse_size(good[i].text, strlen(good[i].text), &bytes));
        assert_int_equal(bytes, good[i].bytes);
    }
}

static void test_what_is_no_size(void **state)
{
    static const char *const bad[] = {"", "M", "M4", "4T", "4MM", "4 M", "17179869184G", "4K1"};
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t bytes = 77;
        assert_false(text_parse_size(bad[i], strlen(bad[i]), &bytes));
        assert_int_equal(bytes, 77);
    }
}

static void test_sum_wraps(void **state)
{
    static const uint8_t bytes[] = {0xff, 0x02, 0x80, 0x80};
    (void)state;
    assert_int_equal(bytes_sum(bytes, 0), 0);
    assert_int_equal(bytes_sum(bytes, 1), 0xff);
    assert_int_equal(bytes_sum(bytes, 4), 0x01);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_number_ends_at_its_length),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_what_is_no_size),
        cmocka_unit_test(test_sum_wraps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
