// SPDX-License-Identifier: MIT
// Tests of what keys send, given their scan codes.
#include "drivers/ps2_scan_codes.h"
#include "vmm/util/string.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define RELEASE 0x80
#define LEFT_SHIFT 0x2a
#define RIGHT_SHIFT 0x36
#define CONTROL 0x1d
#define ALT 0x38
#define CAPS_LOCK 0x3a

static struct ps2_scan_codes keys;

static int setup(void **state)
{
    (void)state;
    keys = (struct ps2_scan_codes){0};
    return 0;
}

static void code(uint8_t value)
{
    char bytes[PS2_KEY_BYTES_MAX];
    assert_int_equal(ps2_scan_codes_decode(&keys, value, bytes), 0);
}

// Presses the key of one code, and checks that it sends `expected`.
static void check_press(uint8_t key, const char *expected)
{
    char bytes[PS2_KEY_BYTES_MAX];
    size_t count = ps2_scan_codes_decode(&keys, key, bytes);
    assert_int_equal(count, strlen(expected));
    assert_memory_equal(bytes, expected, count);
}

static void check_key(uint8_t key, const char *expected)
{
    check_press(key, expected);
    code(key | RELEASE);
}

static void check_extended(uint8_t key, const char *expected)
{
    code(0xe0);
    check_press(key, expected);
    code(0xe0);
    code(key | RELEASE);
}

// The characters of neighbouring keys.
static void check_row(uint8_t first, const char *expected)
{
    for (; *expected != '\0'; expected++) {
        char text[] = {*expected, '\0'};
        check_key(first++, text);
    }
}

static void check_plain_letters(void)
{
    check_row(0x10, "qwertyuiop");
    check_row(0x1e, "asdfghjkl");
    check_row(0x2c, "zxcvbnm");
}

static void test_plain_keys(void **state)
{
    (void)state;
    check_row(0x01, "\x1b"
                    "1234567890-=\x7f\tqwertyuiop[]\r");
    check_row(0x1e, "asdfghjkl;'`");
    check_row(0x2b, "\\zxcvbnm,./");
    check_row(0x47, "789-456+1230.");
    check_key(0x37, "*");
    check_key(0x39, " ");
    check_key(0x56, "\\");
}

static void test_shift(void **state)
{
    static const uint8_t shifts[] = {LEFT_SHIFT, RIGHT_SHIFT};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(shifts); i++) {
        code(shifts[i]);
        check_row(0x02, "!@#$%^&*()_+\x7f\tQWERTYUIOP{}\r");
        check_row(0x1e, "ASDFGHJKL:\"~");
        check_row(0x2b, "|ZXCVBNM<>?");
        check_key(0x56, "|");
        code(shifts[i] | RELEASE);
        check_plain_letters();
    }
}

static void test_one_shift_is_enough(void **state)
{
    (void)state;
    code(LEFT_SHIFT);
    code(RIGHT_SHIFT);
    code(LEFT_SHIFT | RELEASE);
    check_key(0x1e, "A");
    code(RIGHT_SHIFT | RELEASE);
    check_key(0x1e, "a");
}

static void test_caps_lock(void **state)
{
    (void)state;
    code(CAPS_LOCK);
    code(CAPS_LOCK); // repeats while it is held
    code(CAPS_LOCK | RELEASE);
    check_row(0x10, "QWERTYUIOP[]");
    check_row(0x02, "1234567890-=");
    code(LEFT_SHIFT);
    check_row(0x10, "qwertyuiop{}");
    code(LEFT_SHIFT | RELEASE);
    code(CAPS_LOCK);
    code(CAPS_LOCK | RELEASE);
    check_plain_letters();
}

static void check_control_keys(void)
{
    char bytes[PS2_KEY_BYTES_MAX];
    check_key(0x1e, "\x01"); // a
    check_key(0x2e, "\x03"); // c
    check_key(0x1b, "\x1d"); // ]
    check_key(0x1a, "\x1b"); // [
    check_key(0x2b, "\x1c"); // backslash
    check_key(0x02, "1");
    check_key(0x1c, "\r");
    assert_int_equal(ps2_scan_codes_decode(&keys, 0x39, bytes), 1);
    assert_int_equal(bytes[0], '\0'); // Space
}

static void test_control(void **state)
{
    (void)state;
    code(CONTROL);
    check_control_keys();
    code(LEFT_SHIFT);
    check_key(0x1e, "\x01");
    check_key(0x0c, "\x1f"); // _
    code(LEFT_SHIFT | RELEASE);
    code(CONTROL | RELEASE);
    check_key(0x2e, "c");
    code(0xe0);
    code(CONTROL);
    check_control_keys();
    code(0xe0);
    code(CONTROL | RELEASE);
    check_key(0x1b, "]");
}

static void test_alt(void **state)
{
    (void)state;
    code(ALT);
    check_key(0x21, "\x1b"
                    "f");
    code(ALT | RELEASE);
    check_key(0x21, "f");
}

static void test_editing_keys(void **state)
{
    (void)state;
    check_extended(0x48, "\x1b[A");
    check_extended(0x50, "\x1b[B");
    check_extended(0x4d, "\x1b[C");
    check_extended(0x4b, "\x1b[D");
    check_extended(0x47, "\x1b[H");
    check_extended(0x4f, "\x1b[F");
    check_extended(0x53, "\x1b[3~");
    check_extended(0x52, "\x1b[2~");
    check_extended(0x49, "\x1b[5~");
    check_extended(0x51, "\x1b[6~");
    check_extended(0x1c, "\r");
    check_extended(0x35, "/");
    check_key(0x3b, "\x1bOP");
    check_key(0x44, "\x1b[21~");
    check_key(0x58, "\x1b[24~");
}

// With Num Lock on, keyboards put extended shifts around the grey keys; Pause sends six codes.
static void test_codes_that_mean_nothing(void **state)
{
    static const uint8_t pause[] = {0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5};
    (void)state;
    code(0xe0);
    code(LEFT_SHIFT);
    check_extended(0x48, "\x1b[A");
    check_key(0x1e, "a");
    code(0xe0);
    code(LEFT_SHIFT | RELEASE);
    for (unsigned i = 0; i < sizeof(pause); i++) {
        code(pause[i]);
    }
    check_key(0x1e, "a");
    check_key(0x45, "");      // Num Lock
    check_key(0x46, "");      // Scroll Lock
    check_extended(0x5b, ""); // a key with a logo
    check_key(0x7f, "");
}

static void test_any_code_is_survived(void **state)
{
    uint32_t random = 1;
    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        char bytes[PS2_KEY_BYTES_MAX];
        random = random * 1664525 + 1013904223;
        assert_true(ps2_scan_codes_decode(&keys, (uint8_t)(random >> 16), bytes) <= sizeof(bytes));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_plain_keys, setup),
        cmocka_unit_test_setup(test_shift, setup),
        cmocka_unit_test_setup(test_one_shift_is_enough, setup),
        cmocka_unit_test_setup(test_caps_lock, setup),
        cmocka_unit_test_setup(test_control, setup),
        cmocka_unit_test_setup(test_alt, setup),
        cmocka_unit_test_setup(test_editing_keys, setup),
        cmocka_unit_test_setup(test_codes_that_mean_nothing, setup),
        cmocka_unit_test_setup(test_any_code_is_survived, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
