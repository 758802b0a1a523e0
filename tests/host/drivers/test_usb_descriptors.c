// SPDX-License-Identifier: MIT
// Tests of the descriptors' parser, with honest devices and others.
#include "drivers/usb_descriptors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/usb.h"

// A configuration of two interfaces. A test changes single bytes of a copy.
static const uint8_t composite[] = {
    9, 2,    59,   0, 2, 7, 0,    0xa0, 50, //
    9, 4,    0,    0, 1, 3, 1,    2,    0,  // 9: a mouse
    9, 0x21, 0x11, 1, 0, 1, 0x22, 50,   0,  // 18
    7, 5,    0x81, 3, 4, 0, 10,             // 27
    9, 4,    1,    0, 1, 3, 1,    1,    0,  // 34: a keyboard
    9, 0x21, 0x11, 1, 0, 1, 0x22, 65,   0,  // 43
    7, 5,    0x83, 3, 8, 0, 24,             // 52
};
#define CONFIGURATION_TOTAL 2
#define HID_LENGTH 43
#define KEYBOARD_ALTERNATE 37
#define KEYBOARD_SUBCLASS 40
#define ENDPOINT_LENGTH 52
#define ENDPOINT_ADDRESS 54
#define ENDPOINT_TYPE 55
#define ENDPOINT_PACKET 56
#define ENDPOINT_INTERVAL 58

// The bytes are on the heap, so that a read behind them is found.
static struct usb_interface find(const uint8_t *bytes, size_t length, enum usb_speed speed)
{
    struct usb_interface found;
    uint8_t *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    usb_find_interface(copy, length, speed, &found);
    free(copy);
    return found;
}

static struct usb_interface find_with(unsigned at, uint8_t value, enum usb_speed speed)
{
    uint8_t bytes[sizeof(composite)];
    memcpy(bytes, composite, sizeof(bytes));
    bytes[at] = value;
    return find(bytes, sizeof(bytes), speed);
}

static void test_a_keyboard_among_interfaces(void **state)
{
    struct usb_interface found = find(composite, sizeof(composite), USB_LOW_SPEED);
    (void)state;
    assert_int_equal(found.kind, USB_KEYBOARD);
    assert_int_equal(found.configuration, 7);
    assert_int_equal(found.number, 1);
    assert_int_equal(found.endpoint, 3);
    assert_int_equal(found.packet_bytes, 8);
    assert_int_equal(found.interval, 24);
}

static void test_a_hub(void **state)
{
    static const uint8_t hub[] = {
        9, 2, 25, 0, 1, 1, 0, 0xe0, 0, 9, 4, 0, 0, 1, 9, 0, 0, 0, 7, 5, 0x81, 3, 1, 0, 255,
    };
    struct usb_interface found = find(hub, sizeof(hub), USB_FULL_SPEED);
    (void)state;
    assert_int_equal(found.kind, USB_HUB);
    assert_int_equal(found.endpoint, 1);
    assert_int_equal(found.packet_bytes, 1);
    assert_int_equal(found.interval, 255);
}

static void test_what_is_cut_off(void **state)
{
    (void)state;
    for (size_t length = 0; length < sizeof(composite); length++) {
        assert_int_equal(find(composite, length, USB_LOW_SPEED).kind, USB_OTHER);
        assert_int_equal(find_with(CONFIGURATION_TOTAL, (uint8_t)length, USB_LOW_SPEED).kind,
                         USB_OTHER);
    }
    // More is promised than there is: what is there counts.
    assert_int_equal(find_with(CONFIGURATION_TOTAL, 255, USB_LOW_SPEED).kind, USB_KEYBOARD);
}

static void test_what_is_no_keyboard(void **state)
{
    static const struct {
        unsigned at;
        uint8_t value;
    } lies[] = {
        {HID_LENGTH, 0},          {HID_LENGTH, 1},          {HID_LENGTH, 255},
        {ENDPOINT_LENGTH, 6},     {ENDPOINT_LENGTH, 8},     {KEYBOARD_ALTERNATE, 1},
        {KEYBOARD_SUBCLASS, 0},   {ENDPOINT_ADDRESS, 0x03}, // for output
        {ENDPOINT_ADDRESS, 0x80},                           // that is endpoint 0
        {ENDPOINT_TYPE, 2},                                 // bulk
        {ENDPOINT_PACKET, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        assert_int_equal(find_with(lies[i].at, lies[i].value, USB_LOW_SPEED).kind, USB_OTHER);
    }
}

static void test_values_that_are_too_large(void **state)
{
    (void)state;
    assert_int_equal(find_with(ENDPOINT_PACKET, 255, USB_LOW_SPEED).packet_bytes, 8);
    assert_int_equal(find_with(ENDPOINT_PACKET, 255, USB_FULL_SPEED).packet_bytes, 64);
    assert_int_equal(find_with(ENDPOINT_PACKET, 255, USB_HIGH_SPEED).packet_bytes, 255);
    assert_int_equal(find_with(ENDPOINT_PACKET + 1, 0x1f, USB_HIGH_SPEED).packet_bytes, 1024);
    assert_int_equal(find_with(ENDPOINT_INTERVAL, 0, USB_LOW_SPEED).interval, 1);
}

static void check_device(uint8_t packet, enum usb_speed speed, bool good)
{
    const uint8_t bytes[USB_DEVICE_FIRST_BYTES] = {18, 1, 0, 2, 0, 0, 0, packet};
    uint16_t packet_bytes = 0;
    assert_int_equal(usb_read_device(bytes, sizeof(bytes), speed, &packet_bytes), good);
    if (good) {
        assert_int_equal(packet_bytes, packet);
    }
    assert_false(usb_read_device(bytes, sizeof(bytes) - 1, speed, &packet_bytes));
}

static void test_devices(void **state)
{
    (void)state;
    for (unsigned packet = 0; packet < 256; packet++) {
        bool full = packet == 8 || packet == 16 || packet == 32 || packet == 64;
        check_device((uint8_t)packet, USB_LOW_SPEED, packet == 8);
        check_device((uint8_t)packet, USB_FULL_SPEED, full);
        check_device((uint8_t)packet, USB_HIGH_SPEED, packet == 64);
    }
}

static void test_configurations(void **state)
{
    uint8_t bytes[USB_CONFIGURATION_FIRST_BYTES] = {9, 2, 0x34, 0x12};
    (void)state;
    assert_int_equal(usb_read_configuration_bytes(bytes, sizeof(bytes)), 0x1234);
    assert_int_equal(usb_read_configuration_bytes(bytes, sizeof(bytes) - 1), 0);
    bytes[0] = 8;
    assert_int_equal(usb_read_configuration_bytes(bytes, sizeof(bytes)), 0);
    bytes[0] = 9;
    bytes[1] = 1;
    assert_int_equal(usb_read_configuration_bytes(bytes, sizeof(bytes)), 0);
}

static void test_hub_descriptors(void **state)
{
    uint8_t bytes[9] = {9, 0x29, 4, 0x60, 0, 50, 100};
    struct usb_hub_ports ports;
    (void)state;
    assert_true(usb_read_hub(bytes, sizeof(bytes), &ports));
    assert_int_equal(ports.count, 4);
    assert_int_equal(ports.think_time, 3);
    assert_int_equal(ports.power_ms, 100);
    assert_false(usb_read_hub(bytes, 6, &ports));
    bytes[2] = 255;
    assert_true(usb_read_hub(bytes, sizeof(bytes), &ports));
    assert_int_equal(ports.count, USB_HUB_PORTS_MAX);
    bytes[2] = 0;
    assert_false(usb_read_hub(bytes, sizeof(bytes), &ports));
    bytes[2] = 4;
    bytes[1] = 0x2a; // of a hub for USB 3
    assert_false(usb_read_hub(bytes, sizeof(bytes), &ports));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_keyboard_among_interfaces),
        cmocka_unit_test(test_a_hub),
        cmocka_unit_test(test_what_is_cut_off),
        cmocka_unit_test(test_what_is_no_keyboard),
        cmocka_unit_test(test_values_that_are_too_large),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_hub_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
