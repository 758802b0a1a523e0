// SPDX-License-Identifier: MIT
// Tests of a disk over an image: what is written is read, all else is the image, and memory is
// bounded and comes back.
#include "vmm/disk/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/disk/block_store.h"
#include "vmm/disk/overlay.h"

#define SECTOR 512U
#define DISK_BYTES (37 * BLOCK_BYTES + 3 * SECTOR) // the last block is not whole
#define STORE_BLOCKS 128U
#define GROWTH 16U

static uint8_t image[DISK_BYTES];
static uint8_t expected[DISK_BYTES];
static uint8_t seen[DISK_BYTES];
static uint8_t *memory;
static uint32_t memory_blocks; // that the store may still get
static struct block_store store;
static struct disk disk;

static uint32_t grow(struct block_store *grown)
{
    uint32_t more = MIN(GROWTH, memory_blocks);
    assert_ptr_equal(grown, &store);
    memory_blocks -= more;
    memset(memory + (size_t)store.made * BLOCK_BYTES, 0xa5, (size_t)more * BLOCK_BYTES);
    return more;
}

static int set_up(void **state)
{
    (void)state;
    memory = malloc((STORE_BLOCKS + GROWTH) * (size_t)BLOCK_BYTES);
    memory_blocks = STORE_BLOCKS;
    block_store_init(&store, memory, grow);
    for (size_t i = 0; i < DISK_BYTES; i++) {
        image[i] = (uint8_t)(i * 7 + i / 251 + 1);
    }
    memcpy(expected, image, DISK_BYTES);
    disk_init(&disk, "root", image, DISK_BYTES, false, &store, STORE_BLOCKS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static bool read_at(uint64_t offset, uint64_t bytes)
{
    return disk.backend.read(&disk.backend, offset, seen, bytes);
}

static bool write_at(uint64_t offset, uint8_t value, uint64_t bytes)
{
    memset(seen, value, bytes);
    memset(expected + offset, value, bytes);
    return disk.backend.write(&disk.backend, offset, seen, bytes);
}

static bool discard_at(uint64_t offset, uint64_t bytes)
{
    memset(expected + offset, 0, bytes);
    return disk.backend.discard(&disk.backend, offset, bytes);
}

// Writes a sector that assert_as_expected does not know of.
static bool write_elsewhere(uint64_t offset)
{
    memset(seen, 0x5c, SECTOR);
    return disk.backend.write(&disk.backend, offset, seen, SECTOR);
}

static void assert_as_expected(void)
{
    assert_true(read_at(0, DISK_BYTES));
    assert_memory_equal(seen, expected, DISK_BYTES);
    for (size_t i = 0; i < DISK_BYTES; i++) {
        assert_int_equal(image[i], (uint8_t)(i * 7 + i / 251 + 1)); // nobody writes the image
    }
}

static void what_is_not_written_is_the_image(void **state)
{
    (void)state;
    assert_as_expected();
    assert_int_equal(store.taken, 0);
    assert_string_equal(disk.backend.name, "root");
}

static void a_write_changes_its_bytes_only(void **state)
{
    (void)state;
    assert_true(write_at(BLOCK_BYTES - SECTOR, 0x11, 2 * SECTOR)); // in two blocks
    assert_true(write_at(5 * BLOCK_BYTES + 100, 0x22, 17));        // a piece of a sector
    assert_true(write_at(37 * BLOCK_BYTES + SECTOR, 0x33, 2 * SECTOR));
    assert_as_expected();
    assert_int_equal(disk.overlay.held, 4 + 3); // 4 blocks, 3 levels of the table
}

static void discarded_blocks_give_their_memory_back(void **state)
{
    (void)state;
    assert_true(write_at(0, 0x44, DISK_BYTES));
    assert_int_equal(disk.overlay.held, 38 + 3);
    assert_true(discard_at(SECTOR, 10 * BLOCK_BYTES)); // 9 whole blocks, two in part
    assert_int_equal(disk.overlay.held, 29 + 3);
    assert_as_expected();
    assert_true(discard_at(30 * BLOCK_BYTES, DISK_BYTES - 30 * BLOCK_BYTES)); // the end too
    assert_int_equal(disk.overlay.held, 21 + 3);
    assert_as_expected();
    assert_true(write_at(3 * BLOCK_BYTES + SECTOR, 0x55, SECTOR)); // the rest of it stays zero
    assert_as_expected();
    assert_int_equal(store.taken, disk.overlay.held);
}

static void a_ram_disk_begins_with_zeros(void **state)
{
    (void)state;
    disk_init(&disk, "scratch", NULL, DISK_BYTES, false, &store, STORE_BLOCKS);
    memset(expected, 0, DISK_BYTES);
    assert_as_expected();
    assert_true(discard_at(0, DISK_BYTES)); // costs nothing
    assert_int_equal(store.taken, 0);
    assert_true(write_at(2 * BLOCK_BYTES + SECTOR, 0x66, SECTOR));
    assert_as_expected();
    assert_true(disk.backend.write_zeroes(&disk.backend, 0, DISK_BYTES, true));
    memset(expected, 0, DISK_BYTES);
    assert_as_expected();
    assert_int_equal(disk.overlay.held, 3);
}

static void a_full_overlay_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    disk_init(&disk, "small", image, DISK_BYTES, false, &store, 3 + 2);
    assert_true(write_at(0, 0x77, 2 * BLOCK_BYTES));
    memset(seen, 0x78, SECTOR);
    assert_false(disk.backend.write(&disk.backend, 9 * BLOCK_BYTES, seen, SECTOR));
    assert_as_expected();
    assert_true(write_at(BLOCK_BYTES, 0x79, BLOCK_BYTES)); // what has memory can be written
    assert_true(discard_at(0, BLOCK_BYTES));
    assert_true(write_at(9 * BLOCK_BYTES, 0x7a, SECTOR));
    assert_as_expected();
}

static void a_machine_without_memory_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    memory_blocks = 0;
    memset(seen, 0x78, SECTOR);
    assert_false(disk.backend.write(&disk.backend, 0, seen, SECTOR));
    assert_false(disk.backend.discard(&disk.backend, 0, BLOCK_BYTES)); // needs a table
    assert_as_expected();
    memory_blocks = GROWTH;
    assert_true(write_at(0, 0x79, (GROWTH - 2 - 3) * BLOCK_BYTES));
    assert_false(disk.backend.write(&disk.backend, 30 * BLOCK_BYTES, seen, SECTOR));
    assert_as_expected();
}

static void the_far_end_of_the_largest_disk_works(void **state)
{
    uint64_t bytes = OVERLAY_BLOCKS_MAX * BLOCK_BYTES;
    (void)state;
    disk_init(&disk, "huge", NULL, bytes, false, &store, STORE_BLOCKS);
    memset(seen, 0x12, SECTOR);
    assert_true(disk.backend.write(&disk.backend, bytes - SECTOR, seen, SECTOR));
    memset(seen, 0, SECTOR);
    assert_true(read_at(bytes - SECTOR, SECTOR));
    assert_int_equal(seen[SECTOR - 1], 0x12);
    assert_true(read_at(0, SECTOR));
    assert_int_equal(seen[0], 0);
}

static void all_that_was_written_can_be_dropped_in_pieces(void **state)
{
    static const uint64_t places[] = {0, 1, 1023, 1024, 5000000, (1 << 20) - 1, 1 << 20};
    unsigned pieces = 1;
    (void)state;
    disk_init(&disk, "huge", NULL, OVERLAY_BLOCKS_MAX * BLOCK_BYTES, false, &store, STORE_BLOCKS);
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        assert_true(write_elsewhere(places[i] * BLOCK_BYTES));
    }
    assert_true(write_elsewhere((OVERLAY_BLOCKS_MAX - 1) * BLOCK_BYTES));
    while (!overlay_clear(&disk.overlay, 100)) {
        pieces++;
    }
    assert_in_range(pieces, 2, 200);
    assert_int_equal(disk.overlay.held, 0);
    assert_int_equal(store.taken, 0);
    memset(expected, 0, DISK_BYTES);
    assert_as_expected();
    assert_true(write_at(SECTOR, 0x31, SECTOR)); // it can be used again
    assert_as_expected();
    while (!overlay_clear(&disk.overlay, 1)) {
    }
    assert_int_equal(store.taken, 0);
}

static void a_whole_ram_disk_fits_its_limit(void **state)
{
    (void)state;
    assert_int_equal(overlay_table_blocks(1), 3);
    assert_int_equal(overlay_table_blocks(1024), 3);
    assert_int_equal(overlay_table_blocks(1025), 4);
    assert_int_equal(overlay_table_blocks(OVERLAY_BLOCKS_MAX), 1 + 1024 + 1024 * 1024);
    disk_init(&disk, "whole", NULL, DISK_BYTES, false, &store,
              38 + (uint32_t)overlay_table_blocks(38));
    assert_true(write_at(0, 0x41, DISK_BYTES));
    assert_as_expected();
}

static uint32_t random_below(uint32_t limit)
{
    static uint32_t state = 12345;
    state = state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)state * limit >> 32);
}

static void random_work_matches_a_plain_array(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t offset = random_below(DISK_BYTES / SECTOR) * SECTOR;
        uint64_t room = (DISK_BYTES - offset) / SECTOR;
        uint64_t bytes = (1 + random_below((uint32_t)MIN(room, 40))) * SECTOR;
        bytes = MIN(bytes, room * SECTOR);
        if (random_below(3) == 0) {
            assert_true(discard_at(offset, bytes));
        } else {
            assert_true(write_at(offset, (uint8_t)random_below(256), bytes));
        }
        assert_true(read_at(offset, bytes));
        assert_memory_equal(seen, expected + offset, bytes);
        assert_int_equal(store.taken, disk.overlay.held);
    }
    assert_as_expected();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_written_is_the_image),
        TEST(a_write_changes_its_bytes_only),
        TEST(discarded_blocks_give_their_memory_back),
        TEST(a_ram_disk_begins_with_zeros),
        TEST(a_full_overlay_refuses_and_keeps_what_it_has),
        TEST(a_machine_without_memory_refuses_and_keeps_what_it_has),
        TEST(the_far_end_of_the_largest_disk_works),
        TEST(all_that_was_written_can_be_dropped_in_pieces),
        TEST(a_whole_ram_disk_fits_its_limit),
        TEST(random_work_matches_a_plain_array),
    };
    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
