// SPDX-License-Identifier: MIT
// Tests of the console device: both ways, a line without room, storms, wrong buffers.
#include "vmm/devices/virtio/virtio_console.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/virtio_device.h"

#define RECEIVE VIRTIO_CONSOLE_RECEIVE
#define TRANSMIT VIRTIO_CONSOLE_TRANSMIT
#define PRINTED_BYTES (256 * KIB)

static struct virtio_console console;
static struct console_line line;
static uint8_t printed[PRINTED_BYTES];
static unsigned printed_count;
static unsigned room;
static const char *typed; // what was not taken yet

static unsigned put(struct console_line *of, const uint8_t *bytes, unsigned count)
{
    assert_ptr_equal(of, &line);
    count = MIN(count, room);
    memcpy(printed + printed_count, bytes, count);
    printed_count += count;
    room -= count;
    return count;
}

static unsigned take(struct console_line *of, uint8_t *bytes, unsigned count)
{
    assert_ptr_equal(of, &line);
    count = MIN(count, (unsigned)strlen(typed));
    memcpy(bytes, typed, count);
    typed += count;
    return count;
}

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    printed_count = 0;
    room = PRINTED_BYTES;
    typed = "";
    line = (struct console_line){put, take};
    virtio_console_init(&console, &driver.memory, &line, 80, 25);
    driver_start(&console.device, BIT(0));
    return 0;
}

static void work(void)
{
    while (virtio_device_work(&console.device, 1 * MIB)) {
    }
}

// The owner's turn: something may have come, or gone.
static void look(void)
{
    if (virtio_console_look(&console)) {
        work();
    }
}

static void put_text(struct driver_segment segment, const char *text)
{
    memcpy(driver_ram + segment.gpa, text, segment.bytes);
}

static void print(const char *text)
{
    const struct driver_segment segment = {DRIVER_BUFFERS, (uint32_t)strlen(text), 0};
    put_text(segment, text);
    driver_add(TRANSMIT, &segment, 1);
    driver_kick(TRANSMIT);
}

static void assert_printed(const char *text)
{
    assert_int_equal(printed_count, strlen(text));
    assert_memory_equal(printed, text, printed_count);
}

static void add_buffer(uint64_t gpa, uint32_t bytes)
{
    const struct driver_segment segment = {gpa, bytes, SEGMENT_WRITE};
    driver_add(RECEIVE, &segment, 1);
}

static void assert_received(unsigned index, uint64_t gpa, const char *text)
{
    assert_int_equal(driver_used_at(RECEIVE, index).bytes, strlen(text));
    assert_memory_equal(driver_ram + gpa, text, strlen(text));
    assert_int_equal(driver_ram[gpa + strlen(text)], 0);
}

static void test_it_has_a_size_and_one_port(void **state)
{
    (void)state;
    assert_int_equal(console.device.ops->type, VIRTIO_CONSOLE);
    assert_int_equal(driver_read(REG_NUM_QUEUES, 2), 2);
    assert_int_equal(driver_read(REG_DEVICE_FEATURE, 4) & 7, BIT(0)); // SIZE alone
    assert_int_equal(virtio_device_config_read(&console.device, 0, 2), 80);
    assert_int_equal(virtio_device_config_read(&console.device, 2, 2), 25);
    assert_int_equal(virtio_device_config_read(&console.device, 4, 4), 1);
    assert_int_equal(virtio_device_config_read(&console.device, 8, 8), 0);
}

static void test_what_the_guest_prints_goes_to_the_line(void **state)
{
    const struct driver_segment segments[] = {{DRIVER_BUFFERS + 0x100, 4, 0},
                                              {DRIVER_BUFFERS + 0x200, 3, 0}};
    (void)state;
    print("login: ");
    assert_printed("login: ");
    assert_int_equal(driver_used_index(TRANSMIT), 1);
    assert_int_equal(driver_used_at(TRANSMIT, 0).bytes, 0);
    assert_int_equal(driver.queue_interrupts, 1);
    put_text(segments[0], "one,");
    put_text(segments[1], "two");
    driver_add(TRANSMIT, segments, 2);
    driver_kick(TRANSMIT);
    assert_printed("login: one,two");
}

static void test_a_line_without_room_holds_the_buffer(void **state)
{
    (void)state;
    room = 3;
    print("abcdef");
    print("ghi");
    assert_printed("abc");
    assert_int_equal(driver_used_index(TRANSMIT), 0);
    look(); // still no room
    assert_int_equal(driver_used_index(TRANSMIT), 0);
    // The fixture's driver has only one place for text.
    assert_memory_equal(driver_ram + DRIVER_BUFFERS, "ghidef", 6);
    room = 4;
    look();
    assert_printed("abcdefg");
    assert_int_equal(driver_used_index(TRANSMIT), 1);
    room = 100;
    look();
    assert_printed("abcdefghi");
    assert_int_equal(driver_used_index(TRANSMIT), 2);
    assert_false(virtio_console_look(&console));
}

static void test_a_notification_does_not_make_room(void **state)
{
    (void)state;
    room = 0;
    print("x");
    virtio_device_notify(&console.device, TRANSMIT);
    assert_false(virtio_device_work(&console.device, 4096)); // no turn after turn
    assert_int_equal(driver_used_index(TRANSMIT), 0);
}

static void test_what_is_typed_goes_to_the_guest(void **state)
{
    (void)state;
    add_buffer(DRIVER_BUFFERS, 16);
    add_buffer(DRIVER_BUFFERS + 0x100, 16);
    driver_kick(RECEIVE);
    assert_int_equal(driver_used_index(RECEIVE), 0);
    typed = "ls\n";
    look();
    assert_int_equal(driver_used_index(RECEIVE), 1);
    assert_received(0, DRIVER_BUFFERS, "ls\n");
    typed = "pwd\n";
    look();
    assert_received(1, DRIVER_BUFFERS + 0x100, "pwd\n");
    assert_int_equal(driver.queue_interrupts, 2);
    assert_int_equal(driver.config_interrupts, 1); // there is a size to read
}

static void test_input_waits_for_buffers(void **state)
{
    static const char text[] = "0123456789012345678901234567890123456789"
                               "0123456789012345678901234567890123456789";
    (void)state;
    typed = text;
    look();
    assert_ptr_equal(typed, text + VIRTIO_CONSOLE_INPUT_BYTES); // the rest waits in the line
    look();
    assert_ptr_equal(typed, text + VIRTIO_CONSOLE_INPUT_BYTES);
    add_buffer(DRIVER_BUFFERS, 4);
    driver_kick(RECEIVE);
    assert_received(0, DRIVER_BUFFERS, "0123");
    for (unsigned i = 1; i < 20; i++) {
        add_buffer(DRIVER_BUFFERS + 0x10UL * i, 4);
        driver_kick(RECEIVE);
        assert_int_equal(driver_used_index(RECEIVE), i + 1);
        assert_memory_equal(driver_ram + DRIVER_BUFFERS + 0x10UL * i, text + 4UL * i, 4);
    }
    assert_int_equal(*typed, '\0');
}

// What came in stays when the driver begins anew. What it was printing is gone.
static void test_a_reset_keeps_input_and_drops_output(void **state)
{
    (void)state;
    typed = "yes";
    look();
    room = 1;
    print("12");
    driver_write(REG_STATUS, 1, 0);
    memset(driver_ram, 0, sizeof(driver_ram));
    driver.free = 0;
    room = 100;
    assert_false(virtio_console_look(&console));
    driver_start(&console.device, 0);
    work();
    assert_printed("1");
    add_buffer(DRIVER_BUFFERS, 16);
    driver_kick(RECEIVE);
    assert_received(0, DRIVER_BUFFERS, "yes");
    assert_int_equal(driver.config_interrupts, 1);
}

static void test_a_flood_takes_turns(void **state)
{
    const struct driver_segment segment = {DRIVER_BUFFERS, 3 * 4096, 0};
    (void)state;
    driver_add(TRANSMIT, &segment, 1);
    virtio_device_notify(&console.device, TRANSMIT);
    for (unsigned turn = 1; turn <= 3; turn++) {
        assert_int_equal(driver_used_index(TRANSMIT), 0);
        assert_true(virtio_device_work(&console.device, 4096));
        assert_int_equal(printed_count, turn * 4096);
    }
    assert_int_equal(driver_used_index(TRANSMIT), 1);
    driver_describe(DRIVER_DESCRIPTORS(TRANSMIT), 7, (struct driver_segment){0, 0, 0}, 0, 0);
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        driver_offer(TRANSMIT, 7); // an empty buffer costs something too
    }
    assert_true(virtio_device_work(&console.device, 600));
    assert_true(driver_used_index(TRANSMIT) < 5);
}

static void assert_needs_reset(void)
{
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver.config_interrupts, 1);
}

static void test_text_outside_of_ram_needs_a_reset(void **state)
{
    const struct driver_segment segment = {DRIVER_RAM_BYTES - 5, 10, 0};
    (void)state;
    driver_add(TRANSMIT, &segment, 1);
    driver_kick(TRANSMIT);
    assert_int_equal(printed_count, 0);
    assert_needs_reset();
}

static void test_a_buffer_outside_of_ram_needs_a_reset(void **state)
{
    (void)state;
    typed = "123456";
    add_buffer(DRIVER_RAM_BYTES - 5, 10);
    driver_kick(RECEIVE);
    assert_int_equal(driver_used_index(RECEIVE), 0);
    assert_needs_reset();
}

// A buffer that the guest shortens while the line has no room for it is finished.
static void test_a_held_buffer_may_change(void **state)
{
    const struct driver_segment longer = {DRIVER_BUFFERS, 10, 0};
    const struct driver_segment shorter = {DRIVER_BUFFERS, 2, 0};
    (void)state;
    room = 5;
    uint16_t head = driver_add(TRANSMIT, &longer, 1);
    driver_kick(TRANSMIT);
    assert_int_equal(printed_count, 5);
    driver_describe(DRIVER_DESCRIPTORS(TRANSMIT), head, shorter, 0, 0);
    room = 100;
    look();
    assert_int_equal(printed_count, 5);
    assert_int_equal(driver_used_index(TRANSMIT), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_it_has_a_size_and_one_port, set_up),
        cmocka_unit_test_setup(test_what_the_guest_prints_goes_to_the_line, set_up),
        cmocka_unit_test_setup(test_a_line_without_room_holds_the_buffer, set_up),
        cmocka_unit_test_setup(test_a_notification_does_not_make_room, set_up),
        cmocka_unit_test_setup(test_what_is_typed_goes_to_the_guest, set_up),
        cmocka_unit_test_setup(test_input_waits_for_buffers, set_up),
        cmocka_unit_test_setup(test_a_reset_keeps_input_and_drops_output, set_up),
        cmocka_unit_test_setup(test_a_flood_takes_turns, set_up),
        cmocka_unit_test_setup(test_text_outside_of_ram_needs_a_reset, set_up),
        cmocka_unit_test_setup(test_a_buffer_outside_of_ram_needs_a_reset, set_up),
        cmocka_unit_test_setup(test_a_held_buffer_may_change, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
