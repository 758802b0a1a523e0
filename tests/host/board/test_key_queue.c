// SPDX-License-Identifier: MIT
// Tests of the queue of typed keys: order, room, a keyboard that is off.
#include "vmm/board/key_queue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/fake_device.h"
#include "vmm/devices/i8042.h"
#include "vmm/util/types.h"

static struct key_queue queue;
static struct i8042 i8042;
static struct fake_line line;
static struct fake_line reset;

static int set_up(void **state)
{
    (void)state;
    queue = (struct key_queue){0};
    fake_line_init(&line);
    fake_line_init(&reset);
    i8042_init(&i8042, &line.line, &reset.line);
    return 0;
}

static bool put(uint8_t first, unsigned count)
{
    uint8_t codes[256];
    for (unsigned i = 0; i < count; i++) {
        codes[i] = (uint8_t)(first + i);
    }
    return key_queue_put(&queue, codes, count);
}

// Reads like a guest, as long as there is a byte.
static void assert_read(uint8_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_true(i8042_read(&i8042, I8042_COMMAND) & 1);
        assert_int_equal(i8042_read(&i8042, I8042_DATA), (uint8_t)(first + i));
        key_queue_feed(&queue, &i8042);
    }
    assert_false(i8042_read(&i8042, I8042_COMMAND) & 1);
}

static void all_arrives_in_its_order(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) { // more than once around
        assert_true(put((uint8_t)round, 200));
        key_queue_feed(&queue, &i8042);
        assert_true(queue.count > 0); // the keyboard itself has a small buffer
        assert_read((uint8_t)round, 200);
        assert_int_equal(queue.count, 0);
    }
}

static void a_key_goes_in_whole_or_not(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEY_QUEUE_BYTES / 4; i++) {
        assert_true(put(4, 4));
    }
    assert_false(put(1, 1));
    key_queue_feed(&queue, &i8042);
    unsigned room = KEY_QUEUE_BYTES - queue.count;

    assert_false(put(1, room + 1));
    assert_int_equal(queue.count, KEY_QUEUE_BYTES - room);
    assert_true(put(1, room));
}

static void a_keyboard_that_is_off_takes_nothing(void **state)
{
    (void)state;
    i8042_write(&i8042, I8042_DATA, 0xf5); // scanning off
    assert_int_equal(i8042_read(&i8042, I8042_DATA), 0xfa);
    assert_true(put(0x10, 3));
    key_queue_feed(&queue, &i8042);
    assert_int_equal(queue.count, 3);
    i8042_write(&i8042, I8042_DATA, 0xf4);
    assert_int_equal(i8042_read(&i8042, I8042_DATA), 0xfa);
    key_queue_feed(&queue, &i8042);
    assert_read(0x10, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_arrives_in_its_order, set_up),
        cmocka_unit_test_setup(a_key_goes_in_whole_or_not, set_up),
        cmocka_unit_test_setup(a_keyboard_that_is_off_takes_nothing, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
