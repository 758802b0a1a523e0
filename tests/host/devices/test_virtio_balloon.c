// SPDX-License-Identifier: MIT
// Tests of the balloon: pages that go and come, in turns, and what the driver tells.
#include "vmm/devices/virtio/virtio_balloon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/virtio_device.h"

#define CONFIG_WANTED 0
#define CONFIG_ACTUAL 4

static struct virtio_balloon balloon;
static struct balloon_owner owner;
static uint32_t moved[4096];
static unsigned moves;
static unsigned given;   // of them, minus those that came back
static uint32_t missing; // the page that is not there
static unsigned resets;

static bool move(struct balloon_owner *of, uint32_t page, bool away)
{
    assert_ptr_equal(of, &owner);
    if (!away && page == missing) {
        return false;
    }
    assert_true(moves < 4096);
    moved[moves++] = page;
    given += away ? 1U : -1U;
    return true;
}

static void reset(struct balloon_owner *of)
{
    assert_ptr_equal(of, &owner);
    resets++;
}

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    moves = given = resets = 0;
    missing = UINT32_MAX;
    owner = (struct balloon_owner){move, reset};
    virtio_balloon_init(&balloon, &driver.memory, &owner);
    driver_start(&balloon.device, 3);
    return 0;
}

static uint64_t config(unsigned offset)
{
    return virtio_device_config_read(&balloon.device, offset, 4);
}

// Makes a buffer with the pages from `first` on available.
static void add(unsigned queue, uint32_t first, unsigned count)
{
    const struct driver_segment segment = {DRIVER_BUFFERS, 4 * count, 0};
    for (unsigned i = 0; i < count; i++) {
        uint32_t page = first + i;
        memcpy(driver_ram + DRIVER_BUFFERS + 4UL * i, &page, 4);
    }
    driver_add(queue, &segment, 1);
}

static void test_pages_go_and_come(void **state)
{
    (void)state;
    assert_int_equal(balloon.device.ops->type, 5);
    virtio_balloon_set(&balloon, 300);
    assert_int_equal(driver.config_interrupts, 1);
    assert_int_equal(config(CONFIG_WANTED), 300);
    add(VIRTIO_BALLOON_INFLATE, 1000, 256);
    driver_kick(VIRTIO_BALLOON_INFLATE);
    assert_int_equal(moves, 256);
    assert_int_equal(moved[0], 1000);
    assert_int_equal(moved[255], 1255);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_INFLATE), 1);
    assert_int_equal(config(CONFIG_ACTUAL), 256);
    add(VIRTIO_BALLOON_DEFLATE, 1100, 100);
    driver_kick(VIRTIO_BALLOON_DEFLATE);
    assert_int_equal(given, 156);
    assert_int_equal(config(CONFIG_ACTUAL), 156);
    assert_int_equal(driver_used_at(VIRTIO_BALLOON_DEFLATE, 0).bytes, 0);
}

static void test_buffers_of_any_length(void **state)
{
    (void)state;
    for (unsigned count = 0; count < 70; count++) {
        unsigned before = moves;
        const struct driver_segment segment = {DRIVER_BUFFERS, 4 * count + count % 4 + 1, 0};
        driver_add(VIRTIO_BALLOON_INFLATE, &segment, 1);
        driver_kick(VIRTIO_BALLOON_INFLATE);
        assert_int_equal(moves, before + count + (count % 4 == 3)); // a rest is no number
        assert_int_equal(driver_used_index(VIRTIO_BALLOON_INFLATE), count + 1);
    }
}

static void test_a_long_buffer_takes_turns(void **state)
{
    (void)state;
    add(VIRTIO_BALLOON_INFLATE, 0, 2000);
    virtio_device_notify(&balloon.device, VIRTIO_BALLOON_INFLATE);
    unsigned turns = 1;
    for (; virtio_device_work(&balloon.device, 4096); turns++) {
        assert_in_range(moves, 32 * turns, 96 * turns);
    }
    assert_true(turns > 10);
    assert_int_equal(moves, 2000);
    assert_int_equal(moved[1999], 1999);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_INFLATE), 1);
}

static void test_deflating_waits_for_its_page(void **state)
{
    (void)state;
    missing = 40;
    add(VIRTIO_BALLOON_DEFLATE, 0, 100);
    driver_kick(VIRTIO_BALLOON_DEFLATE);
    assert_int_equal(moves, 40);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_DEFLATE), 0);
    assert_int_equal(balloon.device.pending, 0); // nobody asks again and again
    virtio_balloon_look(&balloon);
    assert_false(virtio_device_work(&balloon.device, 1 << 20));
    assert_int_equal(moves, 40);
    missing = UINT32_MAX;
    virtio_balloon_look(&balloon);
    assert_false(virtio_device_work(&balloon.device, 1 << 20));
    assert_int_equal(moves, 100);
    assert_int_equal(moved[40], 40);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_DEFLATE), 1);
}

static void test_a_buffer_that_shrinks_while_it_waits(void **state)
{
    (void)state;
    missing = 40;
    add(VIRTIO_BALLOON_DEFLATE, 0, 100);
    driver_kick(VIRTIO_BALLOON_DEFLATE);
    driver_describe(DRIVER_DESCRIPTORS(VIRTIO_BALLOON_DEFLATE), 0,
                    (struct driver_segment){DRIVER_BUFFERS, 8, 0}, 0, 0);
    virtio_balloon_look(&balloon);
    assert_false(virtio_device_work(&balloon.device, 1 << 20));
    assert_int_equal(moves, 40);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_DEFLATE), 1);
}

static void test_a_reset_forgets_all(void **state)
{
    (void)state;
    missing = 3;
    add(VIRTIO_BALLOON_INFLATE, 0, 10);
    driver_kick(VIRTIO_BALLOON_INFLATE);
    add(VIRTIO_BALLOON_DEFLATE, 0, 10);
    driver_kick(VIRTIO_BALLOON_DEFLATE);
    driver_write(REG_STATUS, 1, 0);
    assert_int_equal(resets, 1);
    assert_int_equal(config(CONFIG_ACTUAL), 0);
    driver_write(REG_STATUS, 1, 0);
    assert_int_equal(resets, 1); // nothing was in it
    assert_false(balloon.requests[VIRTIO_BALLOON_DEFLATE].begun);
}

static void assert_needs_reset(void)
{
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(moves, 0);
}

static void test_numbers_outside_of_ram_need_a_reset(void **state)
{
    const struct driver_segment segment = {DRIVER_RAM_BYTES - 5, 8, 0};
    (void)state;
    driver_add(VIRTIO_BALLOON_INFLATE, &segment, 1);
    driver_kick(VIRTIO_BALLOON_INFLATE);
    assert_needs_reset();
}

// ---- Statistics ----

struct statistic {
    uint16_t tag;
    uint64_t value;
} __attribute__((packed));

static void put_statistics(const struct statistic *statistics, unsigned count, uint32_t bytes)
{
    const struct driver_segment segment = {DRIVER_BUFFERS, bytes, 0};
    memcpy(driver_ram + DRIVER_BUFFERS, statistics, count * sizeof(*statistics));
    driver_add(VIRTIO_BALLOON_STATISTICS, &segment, 1);
    driver_kick(VIRTIO_BALLOON_STATISTICS);
}

static void test_statistics_come_when_asked(void **state)
{
    static const struct statistic first[] = {{4, 1000}, {6, 2000}, {9, 7}, {10, 1}, {0xffff, 1}};
    static const struct statistic second[] = {{4, 3000}};
    (void)state;
    put_statistics(first, 5, sizeof(first));
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_FREE], 1000);
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_AVAILABLE], 2000);
    assert_int_equal(balloon.statistics[9], 7);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_STATISTICS), 0); // it is held
    driver_kick(VIRTIO_BALLOON_STATISTICS);
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_STATISTICS), 0);
    virtio_balloon_ask(&balloon);
    assert_false(virtio_device_work(&balloon.device, 4096));
    assert_int_equal(driver_used_index(VIRTIO_BALLOON_STATISTICS), 1);
    assert_int_equal(driver.queue_interrupts, 1);
    put_statistics(second, 1, sizeof(second));
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_FREE], 3000);
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_AVAILABLE], 2000);
}

static void test_strange_statistics(void **state)
{
    static const struct statistic many[20] = {{4, 1}, {4, 2}};
    (void)state;
    put_statistics(many, 20, 0x10000); // only the first ten are read
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_FREE], 2);
    virtio_balloon_ask(&balloon);
    assert_false(virtio_device_work(&balloon.device, 4096));
    put_statistics(many, 1, 9); // not even one
    assert_int_equal(balloon.statistics[BALLOON_STATISTIC_FREE], 2);
    assert_false(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    virtio_balloon_ask(&balloon);
    assert_false(virtio_device_work(&balloon.device, 4096));
    const struct driver_segment outside = {DRIVER_RAM_BYTES - 5, 10, 0};
    driver_add(VIRTIO_BALLOON_STATISTICS, &outside, 1);
    driver_kick(VIRTIO_BALLOON_STATISTICS);
    assert_needs_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_pages_go_and_come, set_up),
        cmocka_unit_test_setup(test_buffers_of_any_length, set_up),
        cmocka_unit_test_setup(test_a_long_buffer_takes_turns, set_up),
        cmocka_unit_test_setup(test_deflating_waits_for_its_page, set_up),
        cmocka_unit_test_setup(test_a_buffer_that_shrinks_while_it_waits, set_up),
        cmocka_unit_test_setup(test_a_reset_forgets_all, set_up),
        cmocka_unit_test_setup(test_numbers_outside_of_ram_need_a_reset, set_up),
        cmocka_unit_test_setup(test_statistics_come_when_asked, set_up),
        cmocka_unit_test_setup(test_strange_statistics, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
