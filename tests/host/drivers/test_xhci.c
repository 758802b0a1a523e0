// SPDX-License-Identifier: MIT
// Tests of the USB driver with a controller and devices that do what no emulator does.
#include "drivers/xhci.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "drivers/key_ring.h"
#include "drivers/usb_descriptors.h"
#include "drivers/xhci_poll.h"
#include "tests/host/drivers/fake_frames.h"
#include "tests/host/drivers/fake_usb.h"
#include "tests/host/drivers/fake_xhci.h"
#include "vmm/util/status.h"

#define ATTACH_MS 1000 // is enough to find a device
#define USAGE_A 0x04
#define CAPS_LOCK 0x39

static struct fake_usb_device keyboard;
static struct reason why;

static int set_up(void **state)
{
    (void)state;
    fake_xhci_clear();
    keyboard = fake_usb_keyboard(USB_LOW_SPEED);
    return 0;
}

static void open_controller(void)
{
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(ATTACH_MS);
}

static void open_with_keyboard(void)
{
    fake_xhci_plug(2, &keyboard);
    open_controller();
}

static void press(const struct fake_usb_device *device, uint8_t usage)
{
    const uint8_t down[8] = {0, 0, usage};
    const uint8_t up[8] = {0};
    assert_true(fake_xhci_report(device, down, sizeof(down), XHCI_SHORT_PACKET));
    fake_xhci_run_ms(4);
    assert_true(fake_xhci_report(device, up, sizeof(up), XHCI_SHORT_PACKET));
    fake_xhci_run_ms(4);
}

static void check_works(const struct fake_usb_device *device)
{
    press(device, USAGE_A);
    assert_int_equal(key_ring_take(&fake_xhci.typed), 'a');
    assert_int_equal(key_ring_take(&fake_xhci.typed), -1);
}

static unsigned slots_used(void)
{
    unsigned used = 0;
    for (unsigned i = 1; i <= FAKE_XHCI_SLOTS; i++) {
        used += fake_xhci.slots[i].is_enabled;
    }
    return used;
}

static void check_is_left_alone(const struct fake_usb_device *device)
{
    unsigned resets = device->resets;
    assert_int_equal(slots_used(), 0);
    fake_xhci_run_ms(5000);
    assert_int_equal(device->resets, resets);
    assert_false(xhci_is_busy(fake_xhci.xhci));
}

// ---- The way to a keyboard ----

static void test_a_keyboard_at_a_root_port(void **state)
{
    (void)state;
    open_with_keyboard();
    check_works(&keyboard);
    assert_int_equal(keyboard.configured, 7);
    assert_true(keyboard.has_boot_protocol && keyboard.is_idle);
    assert_int_equal(keyboard.resets, 1);
    const struct fake_xhci_slot *slot = fake_xhci_slot_of(&keyboard);
    assert_int_equal(slot->context[0] >> 27, 5); // the last context is that of endpoint 2 IN
    assert_int_equal(slot->context[1], 2u << 16);
    assert_int_equal(slot->context[2], 0);
    assert_int_equal(slot->report_context[0], 6u << 16); // 8 ms: 2^6 microframes
    assert_int_equal(slot->report_context[1], 8u << 16 | 7u << 3 | 3u << 1);
    assert_int_equal(slot->report_context[4], 8u << 16 | 8);
}

static void test_all_speeds_and_contexts(void **state)
{
    static const enum usb_speed speeds[] = {USB_LOW_SPEED, USB_FULL_SPEED, USB_HIGH_SPEED};
    (void)state;
    for (unsigned i = 0; i < 2 * ARRAY_SIZE(speeds); i++) {
        fake_xhci_clear();
        fake_xhci.has_long_contexts = i % 2 != 0;
        keyboard = fake_usb_keyboard(speeds[i / 2]);
        open_with_keyboard();
        check_works(&keyboard);
    }
}

static void test_scratchpads_and_a_high_address(void **state)
{
    (void)state;
    fake_xhci.scratchpads = 33;
    fake_xhci.address = 0x1febf0000;
    open_with_keyboard();
    check_works(&keyboard);
    const uint64_t *array = fake_xhci.xhci->scratchpad_array;
    for (unsigned i = 0; i < 33; i++) {
        assert_int_equal(array[i] % PAGE_SIZE, 0);
        assert_int_equal(array[i] - array[0], i * PAGE_SIZE);
    }
}

static void test_ports_without_power(void **state)
{
    (void)state;
    fake_xhci.ports_are_off = true;
    open_with_keyboard();
    check_works(&keyboard);
}

static void test_many_reports_in_one_poll(void **state)
{
    const uint8_t up[8] = {0};
    (void)state;
    open_with_keyboard();
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < XHCI_REPORTS / 2; i++) {
            const uint8_t down[8] = {0, 0, (uint8_t)(USAGE_A + i)};
            assert_true(fake_xhci_report(&keyboard, down, sizeof(down), XHCI_SHORT_PACKET));
            assert_true(fake_xhci_report(&keyboard, up, sizeof(up), XHCI_SHORT_PACKET));
        }
        assert_false(fake_xhci_report(&keyboard, up, sizeof(up), XHCI_SHORT_PACKET));
        fake_xhci_run_ms(4);
        for (int i = 0; i < XHCI_REPORTS / 2; i++) {
            assert_int_equal(key_ring_take(&fake_xhci.typed), 'a' + i);
        }
    }
}

static void test_lights_follow_caps_lock(void **state)
{
    (void)state;
    open_with_keyboard();
    assert_int_equal(keyboard.lights, 1);
    press(&keyboard, CAPS_LOCK);
    assert_int_equal(keyboard.lights, 3);
    press(&keyboard, CAPS_LOCK);
    assert_int_equal(keyboard.lights, 1);
}

static void test_a_held_key_repeats_until_it_is_lost(void **state)
{
    const uint8_t down[8] = {0, 0, USAGE_A};
    (void)state;
    open_with_keyboard();
    assert_true(fake_xhci_report(&keyboard, down, sizeof(down), XHCI_SHORT_PACKET));
    fake_xhci_run_ms(1000);
    unsigned count = 0;
    while (key_ring_take(&fake_xhci.typed) == 'a') {
        count++;
    }
    assert_in_range(count, 6, 7);
    fake_xhci_plug(2, NULL);
    fake_xhci_run_ms(4); // it may repeat once more before the port is looked at
    (void)key_ring_take(&fake_xhci.typed);
    fake_xhci_run_ms(1000);
    assert_int_equal(key_ring_take(&fake_xhci.typed), -1);
}

// ---- Hubs ----

static void test_a_low_speed_keyboard_behind_a_high_speed_hub(void **state)
{
    struct fake_usb_device hub = fake_usb_hub(USB_HIGH_SPEED, 4);
    (void)state;
    fake_usb_plug(&hub, 3, &keyboard);
    fake_xhci_plug(1, &hub);
    open_controller();
    check_works(&keyboard);
    const struct fake_xhci_slot *of_hub = fake_xhci_slot_of(&hub);
    const struct fake_xhci_slot *of_keyboard = fake_xhci_slot_of(&keyboard);
    uint32_t hub_slot = (uint32_t)(of_hub - fake_xhci.slots);
    assert_int_equal(of_hub->context[0] & XHCI_SLOT_HUB, XHCI_SLOT_HUB);
    assert_int_equal(of_hub->context[1], 4u << 24 | 1u << 16); // ports, root port
    assert_int_equal(of_hub->context[2], 2u << 16);            // think time
    assert_int_equal(of_keyboard->context[0] & 0xffffff, 2u << 20 | 3);
    assert_int_equal(of_keyboard->context[1], 1u << 16);
    assert_int_equal(of_keyboard->context[2], 3u << 8 | hub_slot);
}

// High speed, full speed, keyboard: the first hub translates, for its own port.
static void test_a_hub_behind_a_hub(void **state)
{
    struct fake_usb_device outer = fake_usb_hub(USB_HIGH_SPEED, 4);
    struct fake_usb_device inner = fake_usb_hub(USB_FULL_SPEED, 7);
    (void)state;
    fake_usb_plug(&inner, 7, &keyboard);
    fake_usb_plug(&outer, 2, &inner);
    fake_xhci_plug(1, &outer);
    open_controller();
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&keyboard);
    const struct fake_xhci_slot *slot = fake_xhci_slot_of(&keyboard);
    uint32_t outer_slot = (uint32_t)(fake_xhci_slot_of(&outer) - fake_xhci.slots);
    assert_int_equal(slot->context[0] & 0xfffff, 0x72);
    assert_int_equal(slot->context[2], 2u << 8 | outer_slot);
    assert_int_equal(fake_xhci_slot_of(&inner)->context[2], 2u << 8 | outer_slot);
    assert_string_equal(fake_frames.last_log, "USB: port 1.2.7 of 00:02.0: a keyboard");
}

static void test_hubs_as_deep_as_permitted(void **state)
{
    struct fake_usb_device hubs[USB_HUBS_MAX + 1];
    struct fake_usb_device other = fake_usb_keyboard(USB_FULL_SPEED);
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(hubs); i++) {
        hubs[i] = fake_usb_hub(USB_FULL_SPEED, 2);
    }
    for (unsigned i = 0; i < USB_HUBS_MAX; i++) {
        fake_usb_plug(&hubs[i], 1, &hubs[i + 1]); // the last one is too deep
    }
    fake_usb_plug(&hubs[USB_HUBS_MAX - 1], 2, &keyboard);
    fake_usb_plug(&hubs[USB_HUBS_MAX], 1, &other);
    fake_xhci_plug(1, &hubs[0]);
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(8 * ATTACH_MS);
    check_works(&keyboard);
    assert_int_equal(slots_used(), USB_HUBS_MAX + 1);
    assert_int_equal(other.resets, 0);
}

static void test_plugged_in_behind_a_hub_later(void **state)
{
    struct fake_usb_device hub = fake_usb_hub(USB_HIGH_SPEED, 4);
    (void)state;
    fake_xhci_plug(1, &hub);
    open_controller();
    for (unsigned i = 0; i < 20; i++) {
        fake_usb_plug(&hub, 4, &keyboard);
        fake_xhci_hub_report(&hub);
        fake_xhci_run_ms(ATTACH_MS);
        check_works(&keyboard);
        fake_usb_plug(&hub, 4, NULL);
        fake_xhci_hub_report(&hub);
        fake_xhci_run_ms(ATTACH_MS);
        assert_null(fake_xhci_slot_of(&keyboard));
    }
    assert_int_equal(slots_used(), 1);
}

static void test_a_hub_takes_its_devices_with_it(void **state)
{
    struct fake_usb_device hub = fake_usb_hub(USB_HIGH_SPEED, 4);
    struct fake_usb_device second = fake_usb_keyboard(USB_FULL_SPEED);
    (void)state;
    fake_usb_plug(&hub, 1, &keyboard);
    fake_usb_plug(&hub, 2, &second);
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(100);
    unsigned frames = fake_frames.used;
    for (unsigned i = 0; i < 5; i++) {
        fake_xhci_plug(1, &hub);
        fake_xhci_run_ms(2 * ATTACH_MS);
        check_works(&keyboard);
        check_works(&second);
        fake_xhci_plug(1, NULL);
        fake_xhci_run_ms(100);
        assert_int_equal(slots_used(), 0);
        assert_int_equal(fake_frames.used, frames);
    }
}

// ---- Plugging ----

static void test_unplugged_and_plugged_in_again(void **state)
{
    struct fake_usb_device other = fake_usb_keyboard(USB_HIGH_SPEED);
    (void)state;
    open_with_keyboard();
    unsigned frames = fake_frames.used;
    for (unsigned i = 0; i < 20; i++) {
        fake_xhci_plug(2, NULL);
        fake_xhci_run_ms(100);
        assert_int_equal(slots_used(), 0);
        fake_xhci_plug(2, i % 2 ? &keyboard : &other);
        fake_xhci_run_ms(ATTACH_MS);
        check_works(i % 2 ? &keyboard : &other);
        assert_int_equal(fake_frames.used, frames);
    }
}

static void test_exchanged_between_two_polls(void **state)
{
    struct fake_usb_device other = fake_usb_keyboard(USB_HIGH_SPEED);
    (void)state;
    open_with_keyboard();
    fake_xhci_plug(2, NULL);
    fake_xhci_plug(2, &other);
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&other);
    assert_int_equal(slots_used(), 1);
}

static void test_unplugged_at_any_time_of_its_set_up(void **state)
{
    (void)state;
    for (unsigned ms = 0; ms < 400; ms += 4) {
        (void)set_up(NULL);
        fake_xhci_plug(2, &keyboard);
        assert_true(fake_xhci_open(&why));
        fake_xhci_run_ms(ms);
        fake_xhci_plug(2, NULL);
        fake_xhci_run_ms(5 * ATTACH_MS);
        assert_int_equal(slots_used(), 0);
        fake_xhci_plug(2, &keyboard);
        fake_xhci_run_ms(ATTACH_MS);
        check_works(&keyboard);
    }
}

static void test_two_keyboards(void **state)
{
    struct fake_usb_device other = fake_usb_keyboard(USB_HIGH_SPEED);
    (void)state;
    fake_xhci_plug(4, &other);
    open_with_keyboard();
    check_works(&keyboard);
    check_works(&other);
}

// ---- Devices that Husk does not use ----

static void test_a_mouse_is_left_alone(void **state)
{
    struct fake_usb_device mouse = fake_usb_mouse();
    (void)state;
    fake_xhci_plug(2, &mouse);
    open_controller();
    assert_int_equal(mouse.configured, 0);
    check_is_left_alone(&mouse);
    fake_xhci_plug(2, &keyboard);
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&keyboard);
}

static void test_a_port_for_usb_3_is_left_alone(void **state)
{
    (void)state;
    fake_xhci_plug(5, &keyboard);
    open_controller();
    assert_int_equal(keyboard.resets, 0);
    check_is_left_alone(&keyboard);
}

static void test_more_devices_than_slots(void **state)
{
    struct fake_usb_device hub = fake_usb_hub(USB_HIGH_SPEED, 15);
    struct fake_usb_device many[15];
    (void)state;
    fake_xhci.slot_count = 10;
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        many[i] = fake_usb_keyboard(USB_FULL_SPEED);
        fake_usb_plug(&hub, i + 1, &many[i]);
    }
    fake_xhci_plug(1, &hub);
    open_controller();
    fake_xhci_run_ms(10 * ATTACH_MS);
    assert_int_equal(slots_used(), 10);
    for (unsigned i = 0; i < 9; i++) {
        check_works(&many[i]);
    }
    assert_false(xhci_is_busy(fake_xhci.xhci));
}

// ---- Devices that fail ----

static void test_a_device_that_needs_a_second_reset(void **state)
{
    (void)state;
    keyboard.resets_needed = 3;
    fake_xhci_plug(2, &keyboard);
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(10 * ATTACH_MS);
    check_works(&keyboard);
}

static void test_a_silent_device_is_left_alone(void **state)
{
    struct fake_usb_device other = fake_usb_keyboard(USB_HIGH_SPEED);
    (void)state;
    keyboard.is_silent = true;
    fake_xhci_plug(2, &keyboard);
    fake_xhci_plug(3, &other);
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(10 * ATTACH_MS);
    assert_int_equal(keyboard.resets, 3);
    check_works(&other);
    fake_xhci_plug(3, NULL);
    fake_xhci_run_ms(100);
    check_is_left_alone(&keyboard);
    keyboard.is_silent = false;
    fake_xhci_plug(2, &keyboard);
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&keyboard);
}

static void test_a_device_that_takes_no_address(void **state)
{
    (void)state;
    fake_xhci.address_code = 4; // USB Transaction Error
    open_with_keyboard();
    fake_xhci_run_ms(ATTACH_MS);
    assert_string_equal(fake_frames.last_log, "USB: port 2 of 00:02.0: the device does not work");
    check_is_left_alone(&keyboard);
}

static void test_optional_requests_may_stall(void **state)
{
    (void)state;
    keyboard.stalls = 1u << HID_SET_IDLE | 1u << HID_SET_PROTOCOL;
    open_with_keyboard();
    check_works(&keyboard);
    assert_int_equal(keyboard.lights, 1);
}

static void test_descriptors_that_lie(void **state)
{
    static const uint8_t devices[][18] = {
        {18, 1, 0x10, 1, 0, 0, 0, 9},  // a packet size that does not exist
        {18, 1, 0x10, 1, 0, 0, 0, 64}, // one that low speed does not have
        {18, 2, 0x10, 1, 0, 0, 0, 8},  // no device descriptor
        {0, 0, 0, 0, 0, 0, 0, 0},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        (void)set_up(NULL);
        keyboard.device_descriptor = devices[i];
        open_with_keyboard();
        fake_xhci_run_ms(ATTACH_MS);
        check_is_left_alone(&keyboard);
    }
    (void)set_up(NULL);
    keyboard.device_bytes = 7;
    open_with_keyboard();
    fake_xhci_run_ms(ATTACH_MS);
    check_is_left_alone(&keyboard);
}

static void test_a_stalled_endpoint_works_again(void **state)
{
    (void)state;
    open_with_keyboard();
    for (unsigned i = 1; i <= 10; i++) {
        assert_true(fake_xhci_report(&keyboard, NULL, 0, XHCI_STALL));
        fake_xhci_run_ms(200);
        assert_int_equal(keyboard.halts_cleared, i);
        check_works(&keyboard);
    }
    assert_true(fake_xhci_report(&keyboard, NULL, 0, 4)); // USB Transaction Error
    fake_xhci_run_ms(200);
    assert_int_equal(keyboard.halts_cleared, 10);
    check_works(&keyboard);
}

static void test_an_endpoint_that_stalls_for_ever(void **state)
{
    (void)state;
    open_with_keyboard();
    for (unsigned i = 0; i < 6; i++) {
        assert_true(fake_xhci_report(&keyboard, NULL, 0, XHCI_STALL));
        fake_xhci_run_ms(200);
    }
    check_is_left_alone(&keyboard);
    fake_xhci_plug(2, &keyboard);
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&keyboard);
}

static void test_short_reports_are_nothing(void **state)
{
    const uint8_t down[8] = {0, 0, USAGE_A};
    (void)state;
    open_with_keyboard();
    for (size_t length = 0; length < sizeof(down); length++) {
        assert_true(fake_xhci_report(&keyboard, down, length, XHCI_SHORT_PACKET));
        fake_xhci_run_ms(4);
    }
    assert_int_equal(key_ring_take(&fake_xhci.typed), -1);
    check_works(&keyboard);
}

// ---- Controllers that fail ----

static void test_the_firmware_hands_over(void **state)
{
    (void)state;
    open_with_keyboard();
    assert_int_equal(fake_xhci.legacy, XHCI_OS_OWNED);
    assert_int_equal(fake_xhci.legacy_control & XHCI_SMI_ENABLES, 0);
    assert_int_equal(fake_xhci.resets, 1);
}

static void test_the_firmware_does_not_let_go(void **state)
{
    (void)state;
    fake_xhci.firmware_holds = true;
    fake_xhci_plug(2, &keyboard);
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(900);
    assert_int_equal(fake_xhci.resets, 0);
    fake_xhci_run_ms(2 * ATTACH_MS);
    assert_int_equal(fake_xhci.legacy_control & XHCI_SMI_ENABLES, 0);
    check_works(&keyboard);
}

static void test_a_machine_without_such_firmware(void **state)
{
    (void)state;
    fake_xhci.has_legacy = false;
    open_with_keyboard();
    check_works(&keyboard);
}

static void test_ports_that_firmware_gave_to_ehci(void **state)
{
    (void)state;
    fake_xhci.port_routing = 0x10;
    open_controller();
    assert_int_equal(fake_xhci.port_routing, 0x10); // another chip has something else there
    (void)set_up(NULL);
    fake_xhci.pci_id = 0x8c318086;
    fake_xhci.port_routing = 0x11;
    open_controller();
    assert_int_equal(fake_xhci.port_routing, 0x1f);
}

static void check_is_dead(void)
{
    assert_string_equal(fake_frames.last_log,
                        "USB: xHCI at 00:02.0 does not work: it is left alone");
    assert_false(xhci_is_busy(fake_xhci.xhci));
    assert_int_equal(fake_xhci.pci_command & PCI_COMMAND_MASTER, 0);
    fake_xhci.reads = 0;
    fake_xhci_run_ms(1000);
    assert_int_equal(fake_xhci.reads, 0);
}

static void test_a_reset_that_does_not_end(void **state)
{
    (void)state;
    fake_xhci.reset_hangs = true;
    assert_true(fake_xhci_open(&why));
    fake_xhci_run_ms(4000);
    assert_true(xhci_is_busy(fake_xhci.xhci));
    fake_xhci_run_ms(2000);
    check_is_dead();
}

static void test_an_error_of_the_controller(void **state)
{
    (void)state;
    open_with_keyboard();
    unsigned frames = fake_frames.used;
    for (unsigned i = 1; i <= 10; i++) {
        fake_xhci.status |= i % 2 ? (uint32_t)XHCI_HSE : (uint32_t)XHCI_HCE;
        fake_xhci_run_ms(ATTACH_MS);
        assert_int_equal(fake_xhci.resets, 1 + i);
        check_works(&keyboard);
        assert_int_equal(fake_frames.used, frames);
    }
    for (unsigned i = 0; i < 3; i++) {
        fake_xhci.status |= (uint32_t)XHCI_HCE;
        fake_xhci_run_ms(ATTACH_MS);
    }
    check_is_dead();
}

static void test_commands_that_are_not_answered(void **state)
{
    (void)state;
    open_with_keyboard();
    fake_xhci_plug(2, NULL);
    fake_xhci.commands_hang = true;
    fake_xhci_run_ms(5200);
    assert_int_equal(fake_xhci.resets, 2);
    fake_xhci.commands_hang = false;
    fake_xhci_plug(2, &keyboard);
    fake_xhci_run_ms(ATTACH_MS);
    check_works(&keyboard);
    fake_xhci.commands_hang = true;
    fake_xhci_plug(2, NULL);
    fake_xhci_plug(2, &keyboard);
    fake_xhci_run_ms(20 * ATTACH_MS);
    check_is_dead();
}

static void test_a_controller_that_is_taken_away(void **state)
{
    (void)state;
    open_with_keyboard();
    fake_xhci.status = UINT32_MAX;
    fake_xhci.reset_hangs = true;
    fake_xhci_run_ms(10 * ATTACH_MS);
    check_is_dead();
}

static void test_registers_that_make_no_sense(void **state)
{
    (void)state;
    fake_xhci.doorbell_offset = 0xfffffffc;
    assert_false(fake_xhci_open(&why));
    assert_string_equal(why.text, "its registers make no sense");
    (void)set_up(NULL);
    fake_xhci.slot_count = 0;
    assert_false(fake_xhci_open(&why));
    (void)set_up(NULL);
    fake_xhci.address = 0;
    assert_false(fake_xhci_open(&why));
    assert_string_equal(why.text, "the firmware gave it no address");
    (void)set_up(NULL);
    fake_xhci.address = 0xfffffffffff0000;
    assert_false(fake_xhci_open(&why));
    (void)set_up(NULL);
    fake_xhci.scratchpads = 1023; // there are fewer frames
    assert_false(fake_xhci_open(&why));
    assert_int_equal(fake_frames.used, 0);
}

// A device that does nothing costs the guests nothing.
static void test_polls_are_short(void **state)
{
    (void)state;
    open_with_keyboard();
    fake_xhci.reads = 0;
    fake_xhci_run_ms(400);
    assert_int_equal(fake_xhci.reads, 100);
    fake_xhci.commands_hang = true;
    fake_xhci_plug(2, NULL);
    fake_xhci_run_ms(4);
    fake_xhci.reads = 0;
    fake_xhci_run_ms(400);
    assert_int_equal(fake_xhci.reads, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_keyboard_at_a_root_port, set_up),
        cmocka_unit_test_setup(test_all_speeds_and_contexts, set_up),
        cmocka_unit_test_setup(test_scratchpads_and_a_high_address, set_up),
        cmocka_unit_test_setup(test_ports_without_power, set_up),
        cmocka_unit_test_setup(test_many_reports_in_one_poll, set_up),
        cmocka_unit_test_setup(test_lights_follow_caps_lock, set_up),
        cmocka_unit_test_setup(test_a_held_key_repeats_until_it_is_lost, set_up),
        cmocka_unit_test_setup(test_a_low_speed_keyboard_behind_a_high_speed_hub, set_up),
        cmocka_unit_test_setup(test_a_hub_behind_a_hub, set_up),
        cmocka_unit_test_setup(test_hubs_as_deep_as_permitted, set_up),
        cmocka_unit_test_setup(test_plugged_in_behind_a_hub_later, set_up),
        cmocka_unit_test_setup(test_a_hub_takes_its_devices_with_it, set_up),
        cmocka_unit_test_setup(test_unplugged_and_plugged_in_again, set_up),
        cmocka_unit_test_setup(test_exchanged_between_two_polls, set_up),
        cmocka_unit_test_setup(test_unplugged_at_any_time_of_its_set_up, set_up),
        cmocka_unit_test_setup(test_two_keyboards, set_up),
        cmocka_unit_test_setup(test_a_mouse_is_left_alone, set_up),
        cmocka_unit_test_setup(test_a_port_for_usb_3_is_left_alone, set_up),
        cmocka_unit_test_setup(test_more_devices_than_slots, set_up),
        cmocka_unit_test_setup(test_a_device_that_needs_a_second_reset, set_up),
        cmocka_unit_test_setup(test_a_silent_device_is_left_alone, set_up),
        cmocka_unit_test_setup(test_a_device_that_takes_no_address, set_up),
        cmocka_unit_test_setup(test_optional_requests_may_stall, set_up),
        cmocka_unit_test_setup(test_descriptors_that_lie, set_up),
        cmocka_unit_test_setup(test_a_stalled_endpoint_works_again, set_up),
        cmocka_unit_test_setup(test_an_endpoint_that_stalls_for_ever, set_up),
        cmocka_unit_test_setup(test_short_reports_are_nothing, set_up),
        cmocka_unit_test_setup(test_the_firmware_hands_over, set_up),
        cmocka_unit_test_setup(test_the_firmware_does_not_let_go, set_up),
        cmocka_unit_test_setup(test_a_machine_without_such_firmware, set_up),
        cmocka_unit_test_setup(test_ports_that_firmware_gave_to_ehci, set_up),
        cmocka_unit_test_setup(test_a_reset_that_does_not_end, set_up),
        cmocka_unit_test_setup(test_an_error_of_the_controller, set_up),
        cmocka_unit_test_setup(test_commands_that_are_not_answered, set_up),
        cmocka_unit_test_setup(test_a_controller_that_is_taken_away, set_up),
        cmocka_unit_test_setup(test_registers_that_make_no_sense, set_up),
        cmocka_unit_test_setup(test_polls_are_short, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
