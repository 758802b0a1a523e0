// SPDX-License-Identifier: MIT
// Tests of what keys send, given a USB keyboard's reports.
#include "drivers/usb_keyboard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/key_ring.h"
#include "vmm/util/nanoseconds.h"

#define LEFT_CONTROL 0x01
#define LEFT_SHIFT 0x02
#define LEFT_ALT 0x04
#define RIGHT_CONTROL 0x10
#define RIGHT_SHIFT 0x20
#define CAPS_LOCK 0x39
#define ROLL_OVER 0x01

static struct usb_keyboard keyboard;
static struct key_ring ring;
static uint64_t now_ns;

static int set_up(void **state)
{
    (void)state;
    keyboard = (struct usb_keyboard){0};
    ring = (struct key_ring){0};
    now_ns = NS_PER_S;
    return 0;
}

static void report(uint8_t modifiers, uint8_t first, uint8_t second)
{
    const uint8_t bytes[USB_KEYBOARD_REPORT_BYTES] = {modifiers, 0, first, second};
    usb_keyboard_take(&keyboard, bytes, sizeof(bytes), now_ns, &ring);
}

static void check_typed(const char *expected)
{
    for (; *expected != '\0'; expected++) {
        assert_int_equal(key_ring_take(&ring), *expected);
    }
    assert_int_equal(key_ring_take(&ring), -1);
}

// Presses neighbouring keys, and checks their characters.
static void check_row(uint8_t modifiers, uint8_t first, const char *expected)
{
    for (; *expected != '\0'; expected++) {
        char text[] = {*expected, '\0'};
        report(modifiers, first++, 0);
        check_typed(text);
        report(modifiers, 0, 0);
        check_typed("");
    }
}

static void check_key(uint8_t modifiers, uint8_t usage, const char *expected)
{
    report(modifiers, usage, 0);
    check_typed(expected);
    report(0, 0, 0);
}

static void test_plain_keys(void **state)
{
    (void)state;
    check_row(0, 0x04, "abcdefghijklmnopqrstuvwxyz1234567890\r\x1b\x7f\t -=[]\\\\;'`,./");
    check_row(0, 0x54, "/*-+\r1234567890.\\");
}

static void test_shift(void **state)
{
    (void)state;
    check_row(LEFT_SHIFT, 0x04, "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()");
    check_row(RIGHT_SHIFT, 0x2d, "_+{}||:\"~<>?");
}

static void test_other_modifiers(void **state)
{
    (void)state;
    check_key(LEFT_CONTROL, 0x06, "\x03");
    check_key(RIGHT_CONTROL, 0x30, "\x1d");
    check_key(LEFT_ALT, 0x09,
              "\x1b"
              "f");
    check_key(0x08, 0x04, "a"); // a key with a logo
    check_key(0, 0x04, "a");
}

static void test_editing_keys(void **state)
{
    static const char *const sequences[] = {"\x1b[2~", "\x1b[H", "\x1b[5~", "\x1b[3~", "\x1b[F",
                                            "\x1b[6~", "\x1b[C", "\x1b[D",  "\x1b[B",  "\x1b[A"};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(sequences); i++) {
        check_key(0, (uint8_t)(0x49 + i), sequences[i]);
    }
    check_key(0, 0x3a, "\x1bOP");
    check_key(0, 0x43, "\x1b[21~");
    check_key(0, 0x45, "\x1b[24~");
}

static void test_keys_that_mean_nothing(void **state)
{
    static const uint8_t usages[] = {0x46, 0x47, 0x48, 0x53, 0x65, 0x80, 0xe0, 0xff};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(usages); i++) {
        check_key(0, usages[i], "");
    }
    check_key(0, 0x04, "a");
}

static void test_keys_that_overlap(void **state)
{
    (void)state;
    report(0, 0x04, 0);
    report(0, 0x04, 0x05);
    report(0, 0x05, 0); // in another place than before
    report(0, 0x05, 0x04);
    report(0, 0, 0);
    check_typed("aba");
}

static void test_caps_lock(void **state)
{
    (void)state;
    assert_int_equal(usb_keyboard_lights(&keyboard), 1);
    check_key(0, CAPS_LOCK, "");
    assert_int_equal(usb_keyboard_lights(&keyboard), 3);
    check_key(0, 0x04, "A");
    check_key(0, 0x1e, "1");
    check_key(LEFT_SHIFT, 0x04, "a");
    check_key(0, CAPS_LOCK, "");
    check_key(0, 0x04, "a");
    assert_int_equal(usb_keyboard_lights(&keyboard), 1);
}

static void test_too_many_keys(void **state)
{
    (void)state;
    report(0, 0x04, 0);
    report(LEFT_SHIFT, ROLL_OVER, ROLL_OVER);
    check_typed("a");
    report(LEFT_SHIFT, 0x04, 0x05); // the first key was down all the time
    check_typed("B");
}

static void test_short_reports(void **state)
{
    const uint8_t bytes[USB_KEYBOARD_REPORT_BYTES] = {0, 0, 0x04};
    (void)state;
    usb_keyboard_take(&keyboard, bytes, USB_KEYBOARD_REPORT_BYTES - 1, now_ns, &ring);
    check_typed("");
}

// Lets time pass, and looks every 20 ms.
static void wait_ms(unsigned ms)
{
    for (unsigned i = 0; i < ms; i += 20) {
        now_ns += 20 * NS_PER_MS;
        usb_keyboard_repeat(&keyboard, now_ns, &ring);
    }
}

static void test_a_held_key_repeats(void **state)
{
    (void)state;
    report(0, 0x04, 0);
    wait_ms(480);
    check_typed("a");
    wait_ms(20);
    check_typed("a");
    wait_ms(1000);
    check_typed("aaaaaaaaaa");
    report(0, 0x04, 0x05); // the last key repeats
    wait_ms(520);
    check_typed("bb");
    report(LEFT_SHIFT, 0x04, 0x05);
    wait_ms(100);
    check_typed("B");
    report(0, 0x04, 0);
    wait_ms(2000);
    check_typed("");
}

static void test_no_burst_after_a_pause(void **state)
{
    (void)state;
    report(0, 0x04, 0);
    now_ns += 10 * NS_PER_S;
    usb_keyboard_repeat(&keyboard, now_ns, &ring);
    usb_keyboard_repeat(&keyboard, now_ns, &ring);
    check_typed("aa");
}

static void test_a_lost_keyboard(void **state)
{
    (void)state;
    report(LEFT_SHIFT, 0x04, 0);
    usb_keyboard_release(&keyboard);
    wait_ms(2000);
    check_typed("A");
    check_key(0, 0x04, "a");
}

static void test_a_full_ring_loses_whole_keys(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEY_RING_BYTES; i++) {
        report(0, 0x4f, 0);
        report(0, 0, 0);
    }
    for (unsigned i = 0; i < KEY_RING_BYTES / 3; i++) {
        assert_int_equal(key_ring_take(&ring), '\x1b');
        assert_int_equal(key_ring_take(&ring), '[');
        assert_int_equal(key_ring_take(&ring), 'C');
    }
    check_typed("");
}

static void test_any_report_is_survived(void **state)
{
    uint32_t random = 1;
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t bytes[USB_KEYBOARD_REPORT_BYTES];
        for (unsigned at = 0; at < sizeof(bytes); at++) {
            random = random * 1664525 + 1013904223;
            bytes[at] = (uint8_t)(random >> 16);
        }
        usb_keyboard_take(&keyboard, bytes, sizeof(bytes), now_ns, &ring);
        wait_ms(20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_plain_keys, set_up),
        cmocka_unit_test_setup(test_shift, set_up),
        cmocka_unit_test_setup(test_other_modifiers, set_up),
        cmocka_unit_test_setup(test_editing_keys, set_up),
        cmocka_unit_test_setup(test_keys_that_mean_nothing, set_up),
        cmocka_unit_test_setup(test_keys_that_overlap, set_up),
        cmocka_unit_test_setup(test_caps_lock, set_up),
        cmocka_unit_test_setup(test_too_many_keys, set_up),
        cmocka_unit_test_setup(test_short_reports, set_up),
        cmocka_unit_test_setup(test_a_held_key_repeats, set_up),
        cmocka_unit_test_setup(test_no_burst_after_a_pause, set_up),
        cmocka_unit_test_setup(test_a_lost_keyboard, set_up),
        cmocka_unit_test_setup(test_a_full_ring_loses_whole_keys, set_up),
        cmocka_unit_test_setup(test_any_report_is_survived, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
