// SPDX-License-Identifier: MIT
// Tests of what all virtio devices share: registers, negotiation, notifications, reset.
#include "vmm/devices/virtio/virtio_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/virtqueue.h"

#define FEATURE BIT(40) // one of the kind's own
#define QUEUES 3

static struct virtio_device device;
static const uint8_t config[6] = {1, 2, 3, 4, 5, 6};
static unsigned served[QUEUES];
static unsigned left[QUEUES]; // turns that a queue still has something to do
static unsigned resets;

static bool serve(struct virtio_device *of, unsigned queue, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    assert_ptr_equal(of, &device);
    assert_non_null(rings->used);
    served[queue]++;
    *budget -= 100;
    if (left[queue] == 0) {
        return false;
    }
    left[queue]--;
    return true;
}

static void reset(struct virtio_device *of)
{
    assert_ptr_equal(of, &device);
    resets++;
}

static const struct virtio_device_ops ops = {
    .type = VIRTIO_CONSOLE, .serve = serve, .reset = reset};

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    memset(served, 0, sizeof(served));
    memset(left, 0, sizeof(left));
    virtio_device_init(&device, &ops, &driver.memory, FEATURE, QUEUES, config, sizeof(config));
    virtio_device_connect(&device, &driver.output, DRIVER_VECTORS);
    driver.device = &device;
    resets = 0;
    return 0;
}

static uint64_t offered(unsigned select)
{
    driver_write(REG_DEVICE_FEATURE_SELECT, 4, select);
    return driver_read(REG_DEVICE_FEATURE, 4);
}

static void test_features_are_shown_by_halves(void **state)
{
    (void)state;
    assert_int_equal(offered(0), VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
    assert_int_equal(offered(1), (VIRTIO_F_VERSION_1 | FEATURE) >> 32);
    assert_int_equal(offered(2), 0);
    assert_int_equal(offered(0xffffffff), 0);
    assert_int_equal(driver_read(REG_DEVICE_FEATURE_SELECT, 4), 0xffffffff);
}

static void test_features_are_accepted_by_halves(void **state)
{
    (void)state;
    driver_negotiate(&device, VIRTIO_F_EVENT_IDX | FEATURE | BIT(5) | BIT(50));
    // What was not offered is not there.
    assert_int_equal(device.features, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX | FEATURE);
    assert_int_equal(driver_read(REG_DRIVER_FEATURE, 4), (VIRTIO_F_VERSION_1 | FEATURE) >> 32);
    driver_write(REG_DRIVER_FEATURE, 4, 0); // too late
    assert_int_equal(driver_read(REG_DRIVER_FEATURE, 4), (VIRTIO_F_VERSION_1 | FEATURE) >> 32);
    driver_write(REG_DRIVER_FEATURE_SELECT, 4, 2);
    driver_write(REG_DRIVER_FEATURE, 4, 0xffffffff);
    assert_int_equal(driver_read(REG_DRIVER_FEATURE, 4), 0);
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_FEATURES_OK);
}

static void test_version_1_is_required(void **state)
{
    (void)state;
    driver_write(REG_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    assert_int_equal(driver_read(REG_STATUS, 1), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    driver_write(REG_STATUS, 1, 0xff);
    assert_int_equal(driver_read(REG_STATUS, 1),
                     VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
}

static void test_status_bits_stay_until_the_reset(void **state)
{
    (void)state;
    driver_start(&device, 0);
    driver_write(REG_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    assert_int_equal(driver_read(REG_STATUS, 1),
                     VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    driver_write(REG_STATUS, 1, 0);
    assert_int_equal(driver_read(REG_STATUS, 1), 0);
    assert_int_equal(resets, 1);
}

static void test_registers_of_a_queue(void **state)
{
    (void)state;
    driver_write(REG_QUEUE_SELECT, 2, 2);
    assert_int_equal(driver_read(REG_NUM_QUEUES, 2), QUEUES);
    assert_int_equal(driver_read(REG_QUEUE_SIZE, 2), VIRTQUEUE_ENTRIES_MAX);
    assert_int_equal(driver_read(REG_QUEUE_NOTIFY_OFF, 2), 2);
    assert_int_equal(driver_read(REG_QUEUE_VECTOR, 2), VIRTIO_NO_VECTOR);
    driver_write(REG_QUEUE_DESC, 8, 0x1122334455667788);
    driver_write(REG_QUEUE_DRIVER, 4, 0x99aabbcc);
    driver_write(REG_QUEUE_DRIVER + 4, 4, 0xddeeff00);
    driver_write(REG_QUEUE_DEVICE + 4, 4, 5);
    assert_int_equal(driver_read(REG_QUEUE_DESC, 8), 0x1122334455667788);
    assert_int_equal(driver_read(REG_QUEUE_DESC + 4, 4), 0x11223344);
    assert_int_equal(driver_read(REG_QUEUE_DRIVER, 8), 0xddeeff0099aabbcc);
    assert_int_equal(driver_read(REG_QUEUE_DEVICE, 8), 0x500000000);
    driver_write(REG_QUEUE_SELECT, 2, 1);
    assert_int_equal(driver_read(REG_QUEUE_DESC, 8), 0);
}

static void test_a_queue_that_does_not_exist_has_size_0(void **state)
{
    (void)state;
    driver_write(REG_QUEUE_SELECT, 2, QUEUES);
    driver_write(REG_QUEUE_SIZE, 2, 8);
    driver_write(REG_QUEUE_DESC, 8, 1);
    driver_write(REG_QUEUE_ENABLE, 2, 1);
    driver_write(REG_QUEUE_VECTOR, 2, 1);
    for (unsigned offset = REG_QUEUE_SIZE; offset < VIRTIO_COMMON_BYTES; offset++) {
        assert_int_equal(driver_read(offset, 1), 0);
    }
    assert_int_equal(driver_read(REG_QUEUE_SELECT, 2), QUEUES);
}

static void test_a_queue_has_a_power_of_two_of_entries(void **state)
{
    static const uint16_t wrong[] = {0, 3, 127, 129, 256, 32768, 0xffff};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        driver_write(REG_QUEUE_SIZE, 2, wrong[i]);
        assert_int_equal(driver_read(REG_QUEUE_SIZE, 2), VIRTQUEUE_ENTRIES_MAX);
    }
    driver_write(REG_QUEUE_SIZE, 2, 1);
    assert_int_equal(driver_read(REG_QUEUE_SIZE, 2), 1);
}

static void test_an_enabled_queue_stays(void **state)
{
    (void)state;
    driver_start(&device, 0);
    driver_write(REG_QUEUE_SELECT, 2, 0);
    driver_write(REG_QUEUE_SIZE, 2, 2);
    driver_write(REG_QUEUE_DESC, 4, 1);
    driver_write(REG_QUEUE_ENABLE, 2, 0);
    assert_int_equal(driver_read(REG_QUEUE_SIZE, 2), DRIVER_ENTRIES);
    assert_int_equal(driver_read(REG_QUEUE_DESC, 4), DRIVER_DESCRIPTORS(0));
    assert_int_equal(driver_read(REG_QUEUE_ENABLE, 2), 1);
    driver_write(REG_STATUS, 1, 0);
    assert_int_equal(driver_read(REG_QUEUE_ENABLE, 2), 0);
    assert_int_equal(driver_read(REG_QUEUE_SIZE, 2), VIRTQUEUE_ENTRIES_MAX);
}

static void test_vectors_that_do_not_exist_are_none(void **state)
{
    (void)state;
    driver_write(REG_CONFIG_VECTOR, 2, DRIVER_VECTORS - 1);
    driver_write(REG_QUEUE_VECTOR, 2, DRIVER_VECTORS);
    assert_int_equal(driver_read(REG_CONFIG_VECTOR, 2), DRIVER_VECTORS - 1);
    assert_int_equal(driver_read(REG_QUEUE_VECTOR, 2), VIRTIO_NO_VECTOR);
    driver_write(REG_CONFIG_VECTOR, 2, VIRTIO_NO_VECTOR);
    assert_int_equal(driver_read(REG_CONFIG_VECTOR, 2), VIRTIO_NO_VECTOR);
}

static void test_accesses_of_other_widths(void **state)
{
    (void)state;
    driver_start(&device, FEATURE);
    struct virtio_device before = device;
    for (unsigned width = 1; width <= 8; width++) {
        for (unsigned offset = 0; offset < 2 * VIRTIO_COMMON_BYTES; offset++) {
            uint64_t value = driver_read(offset, width);
            for (unsigned i = 0; i < width; i++) {
                assert_int_equal(value >> 8 * i & 0xff, driver_read(offset + i, 1));
            }
            assert_true(width == 8 || value >> 8 * width == 0);
            if (width == 3 || width > 4 || offset % width != 0) {
                driver_write(offset, width == 8 ? 7 : width, UINT64_MAX);
            }
        }
    }
    assert_memory_equal(&device, &before, sizeof(device));
}

static void test_configuration_is_read_in_any_width(void **state)
{
    (void)state;
    assert_int_equal(virtio_device_config_read(&device, 0, 4), 0x04030201);
    assert_int_equal(virtio_device_config_read(&device, 4, 8), 0x0605);
    assert_int_equal(virtio_device_config_read(&device, 5, 1), 6);
    assert_int_equal(virtio_device_config_read(&device, 6, 1), 0);
    assert_int_equal(virtio_device_config_read(&device, 0xffffffff, 8), 0);
}

static void test_the_generation_changes_when_a_change_is_read(void **state)
{
    (void)state;
    driver_start(&device, 0);
    driver_write(REG_CONFIG_VECTOR, 2, 3);
    for (unsigned i = 0; i < 256; i++) { // 256 changes are not 0 changes
        virtio_device_config_changed(&device);
    }
    assert_int_equal(driver.config_interrupts, 256);
    assert_int_equal(driver.vector, 3);
    uint64_t before = driver_read(REG_GENERATION, 1);
    virtio_device_config_read(&device, 0, 1);
    assert_int_not_equal(driver_read(REG_GENERATION, 1), before);
    before = driver_read(REG_GENERATION, 1);
    virtio_device_config_read(&device, 0, 1);
    assert_int_equal(driver_read(REG_GENERATION, 1), before);
}

static void test_nothing_is_served_before_the_driver_is_ready(void **state)
{
    (void)state;
    driver_negotiate(&device, 0);
    driver_enable_queue(1, DRIVER_ENTRIES);
    driver_kick(1);
    virtio_device_config_changed(&device);
    assert_int_equal(driver.wanted, 0);
    assert_int_equal(driver.config_interrupts, 0);
    // Then what is there is served without a notification.
    driver_write(REG_STATUS, 1, VIRTIO_DRIVER_OK);
    assert_int_equal(driver.wanted, 1);
    assert_false(virtio_device_work(&device, 1000));
    assert_int_equal(served[1], 1);
    assert_int_equal(served[0], 0); // is not enabled
}

static void test_notifications_of_any_number(void **state)
{
    static const unsigned none[] = {QUEUES, 31, 32, 0xffff, 0xffffffff};
    (void)state;
    driver_start(&device, 0);
    assert_false(virtio_device_work(&device, 1000));
    unsigned before = driver.wanted;
    for (unsigned i = 0; i < ARRAY_SIZE(none); i++) {
        virtio_device_notify(&device, none[i]);
    }
    assert_int_equal(driver.wanted, before);
    virtio_device_notify(&device, 2);
    assert_int_equal(driver.wanted, before + 1);
}

static void test_queues_take_turns(void **state)
{
    (void)state;
    driver_start(&device, 0);
    left[0] = left[1] = left[2] = 4;
    assert_true(virtio_device_work(&device, 0)); // one step, even so
    assert_int_equal(served[0], 1);
    assert_true(virtio_device_work(&device, 150));
    assert_int_equal(served[1], 1);
    assert_int_equal(served[2], 1);
    while (virtio_device_work(&device, 100)) {
    }
    assert_int_equal(served[0], 5);
    assert_int_equal(served[2], 5);
}

static void test_broken_rings_need_a_reset(void **state)
{
    (void)state;
    driver_negotiate(&device, 0);
    driver_write(REG_CONFIG_VECTOR, 2, 1);
    driver_write(REG_QUEUE_DESC, 8, DRIVER_RAM_BYTES);
    driver_write(REG_QUEUE_ENABLE, 2, 1);
    driver_enable_queue(1, DRIVER_ENTRIES);
    driver_write(REG_STATUS, 1, VIRTIO_DRIVER_OK);
    assert_false(virtio_device_work(&device, 1000));
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver.config_interrupts, 1);
    assert_int_equal(driver.vector, 1);
    unsigned before = driver.wanted;
    driver_kick(1); // the other queue stands still too
    assert_int_equal(driver.wanted, before);
    assert_int_equal(served[1], 0);
    driver_write(REG_STATUS, 1, 0);
    driver_start(&device, 0);
    assert_false(virtio_device_work(&device, 1000));
    assert_int_equal(served[1], 1);
}

static void test_a_driver_that_failed_is_not_served(void **state)
{
    (void)state;
    driver_start(&device, 0);
    assert_false(virtio_device_work(&device, 1000));
    driver_write(REG_STATUS, 1, VIRTIO_FAILED);
    driver_kick(0);
    assert_int_equal(served[0], 1);
}

static void test_a_reset_in_the_middle_forgets_what_is_left(void **state)
{
    (void)state;
    driver_start(&device, 0);
    left[0] = 4;
    assert_true(virtio_device_work(&device, 1));
    driver_write(REG_STATUS, 1, 0);
    assert_false(virtio_device_work(&device, 1000));
    assert_int_equal(served[0], 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_features_are_shown_by_halves, set_up),
        cmocka_unit_test_setup(test_features_are_accepted_by_halves, set_up),
        cmocka_unit_test_setup(test_version_1_is_required, set_up),
        cmocka_unit_test_setup(test_status_bits_stay_until_the_reset, set_up),
        cmocka_unit_test_setup(test_registers_of_a_queue, set_up),
        cmocka_unit_test_setup(test_a_queue_that_does_not_exist_has_size_0, set_up),
        cmocka_unit_test_setup(test_a_queue_has_a_power_of_two_of_entries, set_up),
        cmocka_unit_test_setup(test_an_enabled_queue_stays, set_up),
        cmocka_unit_test_setup(test_vectors_that_do_not_exist_are_none, set_up),
        cmocka_unit_test_setup(test_accesses_of_other_widths, set_up),
        cmocka_unit_test_setup(test_configuration_is_read_in_any_width, set_up),
        cmocka_unit_test_setup(test_the_generation_changes_when_a_change_is_read, set_up),
        cmocka_unit_test_setup(test_nothing_is_served_before_the_driver_is_ready, set_up),
        cmocka_unit_test_setup(test_notifications_of_any_number, set_up),
        cmocka_unit_test_setup(test_queues_take_turns, set_up),
        cmocka_unit_test_setup(test_broken_rings_need_a_reset, set_up),
        cmocka_unit_test_setup(test_a_driver_that_failed_is_not_served, set_up),
        cmocka_unit_test_setup(test_a_reset_in_the_middle_forgets_what_is_left, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
