// SPDX-License-Identifier: MIT
// Tests of the block device: each request, right and wrong, and requests that take several turns.
#include "vmm/devices/virtio/virtio_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/fake_disk.h"
#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/block_backend.h"
#include "vmm/devices/virtio/virtio_device.h"

// virtio 1.2, 5.2.3 and 5.2.6
#define SEG_MAX BIT(2)
#define RO BIT(5)
#define BLK_SIZE BIT(6)
#define FLUSH BIT(9)
#define TOPOLOGY BIT(10)
#define MQ BIT(12)
#define DISCARD BIT(13)
#define WRITE_ZEROES BIT(14)
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };
enum { S_OK, S_IOERR, S_UNSUPP, S_NOTHING = 0xee };

#define FEATURES (VIRTIO_F_INDIRECT_DESC | DISCARD | WRITE_ZEROES)
#define HEADER DRIVER_BUFFERS
#define STATUS (DRIVER_BUFFERS + 32)
#define RANGES (DRIVER_BUFFERS + 64)
#define DATA (DRIVER_BUFFERS + 0x1000)

static struct virtio_block block;
static struct fake_disk disk;

static void fill(uint8_t *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(i * 7 + i / 256);
    }
}

static void start(uint64_t bytes, bool read_only, unsigned queues, uint64_t features)
{
    driver_set_up();
    fake_disk_init(&disk, bytes, read_only);
    virtio_block_init(&block, &driver.memory, &disk.backend, queues);
    driver_start(&block.device, features);
    assert_false(virtio_device_work(&block.device, 1));
}

static int set_up(void **state)
{
    (void)state;
    start(FAKE_DISK_BYTES, false, 1, FEATURES);
    return 0;
}

static void write_header(uint32_t type, uint64_t sector)
{
    uint32_t words[2] = {type, 0};
    memcpy(driver_ram + HEADER, words, 8);
    memcpy(driver_ram + HEADER + 8, &sector, 8);
    driver_ram[STATUS] = S_NOTHING;
}

// Makes a request available: header, `bytes` at `gpa`, status.
static void add(uint32_t type, uint64_t sector, uint64_t gpa, uint32_t bytes)
{
    bool to_guest = type == T_IN || type == T_GET_ID;
    const struct driver_segment segments[] = {
        {HEADER, 16, 0}, {gpa, bytes, to_guest ? SEGMENT_WRITE : 0}, {STATUS, 1, SEGMENT_WRITE}};
    write_header(type, sector);
    driver_add(0, segments, 3);
}

static unsigned request(uint32_t type, uint64_t sector, uint64_t gpa, uint32_t bytes)
{
    unsigned before = driver_used_index(0);
    add(type, sector, gpa, bytes);
    driver_kick(0);
    assert_int_equal(driver_used_index(0), before + 1);
    return driver_ram[STATUS];
}

static uint32_t last_length(void)
{
    return driver_used_at(0, driver_used_index(0) - 1).bytes;
}

static void test_configuration(void **state)
{
    (void)state;
    struct virtio_device *device = &block.device;
    assert_int_equal(virtio_device_config_read(device, 0, 8), FAKE_DISK_BYTES / 512);
    assert_int_equal(virtio_device_config_read(device, 12, 4), 126);
    assert_int_equal(virtio_device_config_read(device, 20, 4), 512);
    assert_int_equal(virtio_device_config_read(device, 24, 1), 3);
    assert_int_equal(virtio_device_config_read(device, 34, 2), 1);
    assert_int_equal(virtio_device_config_read(device, 44, 4), 8);
    assert_int_equal(virtio_device_config_read(device, 56, 4), 1);
    assert_int_equal(device->offered & 0xffffff,
                     SEG_MAX | BLK_SIZE | FLUSH | TOPOLOGY | DISCARD | WRITE_ZEROES);
    start(512, true, 4, 0);
    assert_int_equal(device->offered & 0xffffff, SEG_MAX | BLK_SIZE | FLUSH | TOPOLOGY | RO | MQ);
    assert_int_equal(virtio_device_config_read(device, 34, 2), 4);
    assert_int_equal(device->ops->type, VIRTIO_BLOCK);
}

static void test_read(void **state)
{
    (void)state;
    fill(disk.bytes, FAKE_DISK_BYTES);
    assert_int_equal(request(T_IN, 3, DATA, 4096), S_OK);
    assert_memory_equal(driver_ram + DATA, disk.bytes + 3 * 512UL, 4096);
    assert_int_equal(driver_ram[DATA + 4096], 0);
    assert_int_equal(last_length(), 4097);
    assert_int_equal(disk.calls, 1);
    assert_int_equal(driver.queue_interrupts, 1);
}

static void test_write(void **state)
{
    (void)state;
    fill(driver_ram + DATA, 8192);
    assert_int_equal(request(T_OUT, FAKE_DISK_BYTES / 512 - 16, DATA, 8192), S_OK);
    assert_memory_equal(driver_ram + DATA, disk.bytes + FAKE_DISK_BYTES - 8192, 8192);
    assert_int_equal(disk.bytes[FAKE_DISK_BYTES - 8193], 0);
    assert_int_equal(last_length(), 1);
}

// The framing says nothing (2.7.4.1): header, data and status lie in pieces of any size.
static void test_any_framing(void **state)
{
    const struct driver_segment read[] = {{HEADER, 3, 0},
                                          {HEADER + 3, 13, 0},
                                          {DATA, 1, SEGMENT_WRITE},
                                          {DATA + 1, 600, SEGMENT_WRITE},
                                          {DATA + 601, 424, SEGMENT_WRITE}};
    const struct driver_segment write[] = {
        {HEADER, 16 + 0x1000, 0}, {DATA + 16, 512, 0}, {STATUS, 1, SEGMENT_WRITE}};
    (void)state;
    fill(disk.bytes, 4096);
    write_header(T_IN, 1);
    driver_add_indirect(0, read, 5);
    driver_kick(0);
    assert_memory_equal(driver_ram + DATA, disk.bytes + 512, 1024);
    assert_int_equal(driver_ram[DATA + 1024], S_OK); // the last byte of all
    assert_int_equal(last_length(), 1025);
    write_header(T_OUT, 8);
    fill(driver_ram + HEADER + 16, 0x1000 + 512);
    driver_ram[STATUS] = S_NOTHING; // which is a part of the data here
    driver_add_indirect(0, write, 3);
    driver_kick(0);
    assert_int_equal(driver_ram[STATUS], S_OK);
    driver_ram[STATUS] = S_NOTHING;
    assert_memory_equal(disk.bytes + 4096, driver_ram + HEADER + 16, 4096 + 512);
}

static void test_flush_and_name(void **state)
{
    (void)state;
    memset(driver_ram + DATA, 0xff, 32);
    assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
    assert_int_equal(disk.flushes, 1);
    assert_int_equal(request(T_GET_ID, 0, DATA, 20), S_OK);
    assert_memory_equal(driver_ram + DATA, "root\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377", 21);
    assert_int_equal(last_length(), 21);
    strcpy(disk.backend.name, "twenty-bytes-of-name");
    assert_int_equal(request(T_GET_ID, 0, DATA, 30), S_OK);
    assert_memory_equal(driver_ram + DATA, "twenty-bytes-of-name\377", 21);
    assert_int_equal(last_length(), 20);
    assert_int_equal(request(T_GET_ID, 0, DATA, 2), S_OK);
}

static void test_requests_beyond_the_disk_fail(void **state)
{
    uint64_t sectors = FAKE_DISK_BYTES / 512;
    (void)state;
    assert_int_equal(request(T_IN, sectors, DATA, 512), S_IOERR);
    assert_int_equal(last_length(), 0);
    assert_int_equal(request(T_IN, sectors - 1, DATA, 1024), S_IOERR);
    assert_int_equal(request(T_OUT, UINT64_MAX, DATA, 512), S_IOERR);
    assert_int_equal(request(T_OUT, BIT(55), DATA, 512), S_IOERR);
    assert_int_equal(request(T_IN, 0, DATA, 0xfffffe00), S_IOERR);
    assert_int_equal(request(T_IN, 0, DATA, 511), S_IOERR);
    assert_int_equal(disk.calls, 0);
    assert_int_equal(request(T_IN, sectors - 1, DATA, 512), S_OK);
    assert_int_equal(request(T_IN, sectors, DATA, 0), S_OK); // of nothing
}

static void test_data_outside_of_ram_fails(void **state)
{
    (void)state;
    assert_int_equal(request(T_IN, 0, DRIVER_RAM_BYTES - 512, 1024), S_IOERR);
    assert_int_equal(request(T_OUT, 0, BIT(63), 512), S_IOERR);
    assert_int_equal(disk.calls, 0);
    assert_int_equal(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET, 0);
}

static void test_errors_of_the_disk_are_passed_on(void **state)
{
    (void)state;
    disk.fails = true;
    assert_int_equal(request(T_IN, 0, DATA, 512), S_IOERR);
    assert_int_equal(request(T_OUT, 0, DATA, 512), S_IOERR);
    assert_int_equal(request(T_FLUSH, 0, 0, 0), S_IOERR);
    disk.fails = false;
    assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
}

static void test_unknown_types_are_unsupported(void **state)
{
    static const uint32_t types[] = {2, 3, 5, 10, 14, 16, 26, 0x80000000, 0xffffffff};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        assert_int_equal(request(types[i], 0, DATA, 16), S_UNSUPP);
        assert_int_equal(last_length(), 1);
    }
}

static void test_a_read_only_disk_stays(void **state)
{
    (void)state;
    start(FAKE_DISK_BYTES, true, 1, FEATURES);
    assert_int_equal(request(T_OUT, 0, DATA, 512), S_IOERR);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 16), S_UNSUPP);
    assert_int_equal(request(T_WRITE_ZEROES, 0, RANGES, 16), S_UNSUPP);
    assert_int_equal(disk.calls, 0);
    assert_int_equal(request(T_IN, 0, DATA, 512), S_OK);
    assert_int_equal(request(T_FLUSH, 0, 0, 0), S_OK);
}

// ---- Ranges ----

static void put_range(unsigned index, uint64_t sector, uint32_t sectors, uint32_t flags)
{
    uint8_t *at = driver_ram + RANGES + 16UL * index;
    memcpy(at, &sector, 8);
    memcpy(at + 8, &sectors, 4);
    memcpy(at + 12, &flags, 4);
}

static void test_discard(void **state)
{
    (void)state;
    put_range(0, 8, 16, 0);
    put_range(1, 0, 0, 0);
    put_range(2, 511, 1, 0);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 48), S_OK);
    assert_int_equal(disk.discarded, 17 * 512);
    assert_int_equal(disk.bytes[8 * 512UL], 0xdd);
    assert_int_equal(disk.bytes[24 * 512UL], 0);
    assert_int_equal(disk.bytes[FAKE_DISK_BYTES - 1], 0xdd);
    put_range(0, 0, 1, 1); // unmap says nothing here (5.2.6.2)
    assert_int_equal(request(T_DISCARD, 0, RANGES, 16), S_UNSUPP);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 0), S_OK);
}

static void test_write_zeroes(void **state)
{
    (void)state;
    memset(disk.bytes, 0xff, FAKE_DISK_BYTES);
    put_range(0, 1, 2, 0);
    put_range(1, 100, 300, 1);
    assert_int_equal(request(T_WRITE_ZEROES, 0, RANGES, 32), S_OK);
    assert_int_equal(disk.unmapped, 300 * 512);
    assert_int_equal(disk.bytes[511], 0xff);
    assert_int_equal(disk.bytes[512], 0);
    assert_int_equal(disk.bytes[3 * 512 - 1], 0);
    assert_int_equal(disk.bytes[3 * 512UL], 0xff);
    assert_int_equal(disk.bytes[400 * 512 - 1], 0);
    put_range(0, 0, 1, 2);
    assert_int_equal(request(T_WRITE_ZEROES, 0, RANGES, 16), S_UNSUPP);
}

static void test_wrong_ranges_fail(void **state)
{
    (void)state;
    put_range(0, 511, 2, 0);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 16), S_IOERR);
    put_range(0, UINT64_MAX, 1, 0);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 16), S_IOERR);
    put_range(0, 0, 0xffffffff, 0);
    assert_int_equal(request(T_WRITE_ZEROES, 0, RANGES, 16), S_IOERR);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 15), S_IOERR);
    assert_int_equal(request(T_DISCARD, 0, RANGES, 33 * 16), S_IOERR);
    assert_int_equal(request(T_DISCARD, 0, DRIVER_RAM_BYTES, 16), S_IOERR);
    assert_int_equal(disk.calls, 0);
    start(FAKE_DISK_BYTES, false, 1, 0); // a driver without the features
    assert_int_equal(request(T_DISCARD, 0, RANGES, 16), S_UNSUPP);
    assert_int_equal(request(T_WRITE_ZEROES, 0, RANGES, 16), S_UNSUPP);
}

// ---- Turns ----

static void test_a_long_read_takes_turns(void **state)
{
    (void)state;
    fill(disk.bytes, FAKE_DISK_BYTES);
    add(T_IN, 0, DATA, FAKE_DISK_BYTES);
    virtio_device_notify(&block.device, 0);
    for (unsigned turns = 1; turns < FAKE_DISK_BYTES / (16 * KIB); turns++) {
        assert_true(virtio_device_work(&block.device, 16 * KIB));
        assert_int_equal(disk.calls, turns);
        assert_int_equal(driver_used_index(0), 0);
        assert_int_equal(driver_ram[STATUS], S_NOTHING);
    }
    driver_kick(0);
    assert_int_equal(driver_ram[STATUS], S_OK);
    assert_memory_equal(driver_ram + DATA, disk.bytes, FAKE_DISK_BYTES);
    assert_int_equal(driver.queue_interrupts, 1);
}

static void test_a_long_discard_keeps_to_whole_pieces(void **state)
{
    (void)state;
    put_range(0, 3, 200, 0);
    add(T_DISCARD, 0, RANGES, 16);
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 5000));
    while (disk.discarded < 192 * 512UL) {
        assert_int_equal((disk.discarded + 3 * 512UL) % 4096, 0);
        assert_true(virtio_device_work(&block.device, 5000));
    }
    driver_kick(0);
    assert_int_equal(disk.discarded, 200 * 512);
    assert_int_equal(driver_ram[STATUS], S_OK);
}

// What fails costs as much as what does not.
static void test_errors_cost_the_budget(void **state)
{
    (void)state;
    disk.fails = true;
    add(T_OUT, 0, DATA, 4096);
    driver.free = 0;
    add(T_OUT, 0, DATA, 4096);
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 1000));
    assert_int_equal(driver_used_index(0), 1);
}

// Data in many small pieces costs more than in one.
static void test_pieces_cost_the_budget(void **state)
{
    struct driver_segment segments[VIRTIO_CHAIN_SEGMENTS] = {{HEADER, 16, 0}};
    unsigned last = VIRTIO_CHAIN_SEGMENTS - 1;
    (void)state;
    for (unsigned i = 1; i < last; i++) {
        segments[i] = (struct driver_segment){DATA + 4UL * i, 4, 0};
    }
    segments[last - 1].bytes = 512 - 4 * (last - 2);
    segments[last] = (struct driver_segment){STATUS, 1, SEGMENT_WRITE};
    write_header(T_OUT, 0);
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        driver_add_indirect(0, segments, VIRTIO_CHAIN_SEGMENTS);
    }
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 16 * KIB));
    assert_int_equal(driver_ram[STATUS], S_OK);
    assert_int_equal(disk.calls, 2 * (last - 1));
    assert_int_equal(driver_used_index(0), 2);
}

// Between two turns the driver takes the memory away from a request that was begun.
static void test_a_chain_that_changes_fails(void **state)
{
    (void)state;
    add(T_IN, 0, DATA, 64 * KIB);
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 16 * KIB));
    driver_describe(DRIVER_DESCRIPTORS(0), 1, (struct driver_segment){DATA, 512, SEGMENT_WRITE},
                    SEGMENT_NEXT, 2);
    driver_kick(0);
    assert_int_equal(driver_ram[STATUS], S_IOERR);
    assert_int_equal(disk.calls, 1);
    // Or the place of the status.
    add(T_IN, 0, DATA, 64 * KIB);
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 16 * KIB));
    driver_describe(DRIVER_DESCRIPTORS(0), 3, (struct driver_segment){HEADER, 16, 0}, 0, 0);
    driver_kick(0);
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

static void test_a_reset_forgets_what_was_begun(void **state)
{
    (void)state;
    add(T_OUT, 0, DATA, 64 * KIB);
    virtio_device_notify(&block.device, 0);
    assert_true(virtio_device_work(&block.device, 16 * KIB));
    driver_write(REG_STATUS, 1, 0);
    assert_false(virtio_device_work(&block.device, 16 * KIB));
    assert_int_equal(driver_ram[STATUS], S_NOTHING);
    memset(driver_ram, 0, DRIVER_BUFFERS);
    driver_start(&block.device, FEATURES);
    assert_int_equal(request(T_IN, 0, DATA, 512), S_OK);
}

static void test_many_requests_share_an_interrupt(void **state)
{
    const struct driver_segment segments[] = {
        {HEADER, 16, 0}, {DATA, 4096, SEGMENT_WRITE}, {STATUS, 1, SEGMENT_WRITE}};
    (void)state;
    write_header(T_IN, 0);
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        driver_add_indirect(0, segments, 3);
    }
    driver_kick(0);
    assert_int_equal(driver_used_index(0), DRIVER_ENTRIES);
    assert_int_equal(driver.queue_interrupts, 1);
}

static void test_each_queue_has_a_request_of_its_own(void **state)
{
    (void)state;
    start(FAKE_DISK_BYTES, false, 2, FEATURES);
    fill(disk.bytes, FAKE_DISK_BYTES);
    const struct driver_segment segments[][3] = {
        {{HEADER, 16, 0}, {DATA, 64 * KIB, SEGMENT_WRITE}, {STATUS, 1, SEGMENT_WRITE}},
        {{HEADER, 16, 0},
         {DATA + 64 * KIB, 64 * KIB, SEGMENT_WRITE},
         {STATUS + 1, 1, SEGMENT_WRITE}},
    };
    write_header(T_IN, 0);
    driver_add(0, segments[0], 3);
    driver.free = 0;
    driver_add(1, segments[1], 3);
    virtio_device_notify(&block.device, 0);
    virtio_device_notify(&block.device, 1);
    while (virtio_device_work(&block.device, 8 * KIB)) {
        assert_true(block.requests[0].done <= block.requests[1].done + 8 * KIB);
    }
    assert_memory_equal(driver_ram + DATA, disk.bytes, 64 * KIB);
    assert_memory_equal(driver_ram + DATA + 64 * KIB, disk.bytes, 64 * KIB);
    assert_int_equal(driver_used_index(0), 1);
    assert_int_equal(driver_used_index(1), 1);
}

// ---- What breaks the device ----

static void assert_breaks(const struct driver_segment *segments, unsigned count)
{
    set_up(NULL);
    write_header(T_IN, 0);
    driver_add(0, segments, count);
    driver_kick(0);
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver_used_index(0), 0);
    assert_int_equal(driver.config_interrupts, 1);
    assert_int_equal(driver.queue_interrupts, 0);
}

static void test_a_status_has_a_place(void **state)
{
    const struct driver_segment none[] = {{HEADER, 16, 0}, {DATA, 512, 0}};
    const struct driver_segment outside[] = {{HEADER, 16, 0}, {DRIVER_RAM_BYTES, 1, SEGMENT_WRITE}};
    const struct driver_segment empty[] = {{HEADER, 0, 0}};
    (void)state;
    assert_breaks(none, 2);
    assert_breaks(outside, 2);
    assert_breaks(empty, 1);
}

static void test_a_header_that_is_short_fails(void **state)
{
    const struct driver_segment segments[] = {{HEADER, 15, 0}, {STATUS, 1, SEGMENT_WRITE}};
    const struct driver_segment outside[] = {{DRIVER_RAM_BYTES - 8, 16, 0},
                                             {STATUS, 1, SEGMENT_WRITE}};
    (void)state;
    write_header(T_IN, 0);
    driver_add(0, segments, 2);
    driver_kick(0);
    assert_int_equal(driver_ram[STATUS], S_IOERR);
    driver_ram[STATUS] = S_NOTHING;
    driver_add(0, outside, 2);
    driver_kick(0);
    assert_int_equal(driver_ram[STATUS], S_IOERR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_configuration, set_up),
        cmocka_unit_test_setup(test_read, set_up),
        cmocka_unit_test_setup(test_write, set_up),
        cmocka_unit_test_setup(test_any_framing, set_up),
        cmocka_unit_test_setup(test_flush_and_name, set_up),
        cmocka_unit_test_setup(test_requests_beyond_the_disk_fail, set_up),
        cmocka_unit_test_setup(test_data_outside_of_ram_fails, set_up),
        cmocka_unit_test_setup(test_errors_of_the_disk_are_passed_on, set_up),
        cmocka_unit_test_setup(test_unknown_types_are_unsupported, set_up),
        cmocka_unit_test_setup(test_a_read_only_disk_stays, set_up),
        cmocka_unit_test_setup(test_discard, set_up),
        cmocka_unit_test_setup(test_write_zeroes, set_up),
        cmocka_unit_test_setup(test_wrong_ranges_fail, set_up),
        cmocka_unit_test_setup(test_a_long_read_takes_turns, set_up),
        cmocka_unit_test_setup(test_a_long_discard_keeps_to_whole_pieces, set_up),
        cmocka_unit_test_setup(test_errors_cost_the_budget, set_up),
        cmocka_unit_test_setup(test_pieces_cost_the_budget, set_up),
        cmocka_unit_test_setup(test_a_chain_that_changes_fails, set_up),
        cmocka_unit_test_setup(test_a_reset_forgets_what_was_begun, set_up),
        cmocka_unit_test_setup(test_many_requests_share_an_interrupt, set_up),
        cmocka_unit_test_setup(test_each_queue_has_a_request_of_its_own, set_up),
        cmocka_unit_test_setup(test_a_status_has_a_place, set_up),
        cmocka_unit_test_setup(test_a_header_that_is_short_fails, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
