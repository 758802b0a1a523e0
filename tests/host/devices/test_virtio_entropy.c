// SPDX-License-Identifier: MIT
// Tests of the entropy device.
#include "vmm/devices/virtio/virtio_entropy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/virtio_device.h"

static struct virtio_entropy entropy;
static struct entropy_source source;
static bool fails;
static unsigned fills;

static bool fill(struct entropy_source *of, uint64_t *to, unsigned words)
{
    assert_ptr_equal(of, &source);
    memset(to, 0xaa, words * sizeof(*to));
    fills++;
    return !fails;
}

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    fails = false;
    fills = 0;
    source.fill = fill;
    virtio_entropy_init(&entropy, &driver.memory, &source);
    driver_start(&entropy.device, 0);
    return 0;
}

static void request(uint64_t gpa, uint32_t bytes, uint16_t flags)
{
    const struct driver_segment segment = {gpa, bytes, flags};
    driver_add(0, &segment, 1);
    driver_kick(0);
}

static void test_a_request_gets_a_few_bytes(void **state)
{
    (void)state;
    request(DRIVER_BUFFERS, 10, SEGMENT_WRITE);
    assert_int_equal(driver_used_at(0, 0).bytes, 10);
    assert_int_equal(driver_ram[DRIVER_BUFFERS + 9], 0xaa);
    assert_int_equal(driver_ram[DRIVER_BUFFERS + 10], 0);
    request(DRIVER_BUFFERS, 0x10000000, SEGMENT_WRITE); // more than there is RAM
    assert_int_equal(driver_used_at(0, 1).bytes, 64);
    assert_int_equal(driver_ram[DRIVER_BUFFERS + 63], 0xaa);
    assert_int_equal(driver_ram[DRIVER_BUFFERS + 64], 0);
    assert_int_equal(driver.queue_interrupts, 2);
    assert_int_equal(entropy.device.ops->type, VIRTIO_ENTROPY);
}

static void test_nothing_is_written_to_what_is_read_only(void **state)
{
    (void)state;
    request(DRIVER_BUFFERS, 10, 0);
    assert_int_equal(driver_used_index(0), 1);
    assert_int_equal(driver_used_at(0, 0).bytes, 0);
    assert_int_equal(driver_ram[DRIVER_BUFFERS], 0);
}

static void test_a_storm_of_requests_takes_turns(void **state)
{
    const struct driver_segment segment = {DRIVER_BUFFERS, 64, SEGMENT_WRITE};
    (void)state;
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        driver_add(0, &segment, 1);
    }
    virtio_device_notify(&entropy.device, 0);
    assert_true(virtio_device_work(&entropy.device, 8192));
    assert_int_equal(driver_used_index(0), 2);
    assert_int_equal(fills, 2);
}

static void assert_needs_reset(void)
{
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver_used_index(0), 0);
    assert_int_equal(driver.config_interrupts, 1);
}

static void test_a_source_that_fails_gives_nothing(void **state)
{
    (void)state;
    fails = true;
    request(DRIVER_BUFFERS, 10, SEGMENT_WRITE);
    assert_int_equal(driver_ram[DRIVER_BUFFERS], 0);
    assert_needs_reset();
}

static void test_a_buffer_outside_of_ram_needs_a_reset(void **state)
{
    (void)state;
    request(DRIVER_RAM_BYTES - 5, 10, SEGMENT_WRITE);
    assert_needs_reset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_request_gets_a_few_bytes, set_up),
        cmocka_unit_test_setup(test_nothing_is_written_to_what_is_read_only, set_up),
        cmocka_unit_test_setup(test_a_storm_of_requests_takes_turns, set_up),
        cmocka_unit_test_setup(test_a_source_that_fails_gives_nothing, set_up),
        cmocka_unit_test_setup(test_a_buffer_outside_of_ram_needs_a_reset, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
