// SPDX-License-Identifier: MIT
// Tests of split virtqueues: chains in every form, right and wrong, and when to interrupt.
#include "vmm/devices/virtio/virtqueue.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/virtio_chain.h"

static struct virtqueue queue;
static struct virtqueue_rings rings;
static struct virtio_chain chain;

static int set_up(void **state)
{
    (void)state;
    driver_set_up();
    virtqueue_reset(&queue);
    queue.entries = DRIVER_ENTRIES;
    queue.descriptors = DRIVER_DESCRIPTORS(0);
    queue.available = DRIVER_AVAILABLE(0);
    queue.used = DRIVER_USED(0);
    queue.indirect = true;
    assert_true(virtqueue_open(&queue, &driver.memory, &rings));
    return 0;
}

static bool pop(void)
{
    return virtqueue_pop(&queue, &driver.memory, &rings, &chain);
}

static void test_an_empty_queue_has_nothing(void **state)
{
    (void)state;
    assert_false(pop());
    assert_false(queue.broken);
}

static void test_a_chain_is_copied_in_order(void **state)
{
    const struct driver_segment segments[] = {{DRIVER_BUFFERS, 16, 0},
                                              {DRIVER_BUFFERS + 100, 0, 0},
                                              {7, 0xffff, SEGMENT_WRITE},
                                              {9, 1, SEGMENT_WRITE}};
    (void)state;
    driver.free = 6; // so that the chain runs over the end of the table
    driver_add(0, segments, 4);
    assert_true(pop());
    assert_int_equal(chain.head, 6);
    assert_int_equal(chain.readable, 1);
    assert_int_equal(chain.count, 3); // the empty one is left out
    assert_int_equal(chain.readable_bytes, 16);
    assert_int_equal(chain.writable_bytes, 0x10000);
    assert_int_equal(chain.segments[0].gpa, DRIVER_BUFFERS);
    assert_int_equal(chain.segments[1].gpa, 7);
    assert_int_equal(chain.segments[2].bytes, 1);
    assert_false(pop());
}

static void test_an_indirect_table_follows_other_descriptors(void **state)
{
    const struct driver_segment table[] = {{1000, 20, 0}, {2000, 30, SEGMENT_WRITE}};
    const struct driver_segment segments[] = {
        {500, 10, 0},
        // The write flag of a descriptor that names a table says nothing (2.7.5.3.2).
        {DRIVER_INDIRECT(0), 32, SEGMENT_INDIRECT | SEGMENT_WRITE}};
    (void)state;
    driver_describe(DRIVER_INDIRECT(0), 0, table[0], SEGMENT_NEXT, 1);
    driver_describe(DRIVER_INDIRECT(0), 1, table[1], 0, 0);
    driver_add(0, segments, 2);
    assert_true(pop());
    assert_int_equal(chain.readable, 2);
    assert_int_equal(chain.count, 3);
    assert_int_equal(chain.segments[1].gpa, 1000);
    assert_int_equal(chain.segments[2].gpa, 2000);
}

static void test_an_indirect_table_has_any_alignment_and_the_longest_chain(void **state)
{
    struct driver_segment table = {DRIVER_INDIRECT(0) + 1, 16 * VIRTIO_CHAIN_SEGMENTS,
                                   SEGMENT_INDIRECT};
    (void)state;
    for (unsigned i = 0; i < VIRTIO_CHAIN_SEGMENTS; i++) {
        driver_describe(table.gpa, i, (struct driver_segment){i, 1, 0}, SEGMENT_NEXT, i + 1);
    }
    driver_describe(table.gpa, VIRTIO_CHAIN_SEGMENTS - 1, (struct driver_segment){99, 1, 0}, 0, 0);
    driver_add(0, &table, 1);
    assert_true(pop());
    assert_int_equal(chain.count, VIRTIO_CHAIN_SEGMENTS);
    assert_int_equal(chain.segments[VIRTIO_CHAIN_SEGMENTS - 1].gpa, 99);
}

// ---- What breaks a queue ----

static void assert_breaks(const struct driver_segment *segments, unsigned count)
{
    set_up(NULL);
    driver_add(0, segments, count);
    assert_false(pop());
    assert_true(queue.broken);
    assert_false(virtqueue_open(&queue, &driver.memory, &rings));
}

static void test_wrong_chains_break_the_queue(void **state)
{
    const struct driver_segment order[] = {{0, 1, SEGMENT_WRITE}, {0, 1, 0}};
    const struct driver_segment sum[] = {{0, 0xffffffff, 0}, {0, 2, SEGMENT_WRITE}};
    const struct driver_segment wraps = {UINT64_MAX - 3, 8, 0};
    const struct driver_segment tables[] = {
        {DRIVER_INDIRECT(0), 0, SEGMENT_INDIRECT},
        {DRIVER_INDIRECT(0), 17, SEGMENT_INDIRECT},
        {DRIVER_RAM_BYTES - 16, 32, SEGMENT_INDIRECT},
        {DRIVER_INDIRECT(0), 0xfffffff0, SEGMENT_INDIRECT},
        {UINT64_MAX - 15, 16, SEGMENT_INDIRECT},
    };
    (void)state;
    assert_breaks(order, 2);
    assert_breaks(sum, 2);
    assert_breaks(&wraps, 1);
    for (unsigned i = 0; i < ARRAY_SIZE(tables); i++) {
        assert_breaks(&tables[i], 1);
    }
}

static void test_a_table_is_the_last_and_in_no_other(void **state)
{
    const struct driver_segment table = {DRIVER_INDIRECT(0), 16, SEGMENT_INDIRECT};
    const struct driver_segment goes_on[] = {table, {0, 1, 0}};
    (void)state;
    assert_breaks(goes_on, 2);
    set_up(NULL);
    driver_add_indirect(0, &table, 1);
    assert_false(pop());
    assert_true(queue.broken);
    set_up(NULL);
    queue.indirect = false;
    driver_add_indirect(0, goes_on + 1, 1);
    assert_false(pop());
    assert_true(queue.broken);
}

static void test_chains_end(void **state)
{
    const struct driver_segment segment = {0, 0, SEGMENT_NEXT};
    (void)state;
    driver_describe(DRIVER_DESCRIPTORS(0), 0, segment, 0, 1); // a loop of empty ones
    driver_describe(DRIVER_DESCRIPTORS(0), 1, segment, 0, 0);
    driver_offer(0, 0);
    assert_false(pop());
    assert_true(queue.broken);
    set_up(NULL);
    driver_describe(DRIVER_DESCRIPTORS(0), 0, segment, 0, DRIVER_ENTRIES);
    driver_offer(0, 0);
    assert_false(pop());
    assert_true(queue.broken);
}

static void test_heads_and_indexes_are_checked(void **state)
{
    (void)state;
    driver_offer(0, DRIVER_ENTRIES);
    assert_false(pop());
    assert_true(queue.broken);
    set_up(NULL);
    driver_put16(DRIVER_AVAILABLE(0) + 2, DRIVER_ENTRIES + 1);
    assert_false(pop());
    assert_true(queue.broken);
    set_up(NULL);
    driver_put16(DRIVER_AVAILABLE(0) + 2, 0xffff);
    assert_false(pop());
    assert_true(queue.broken);
}

static bool opens(uint64_t descriptors, uint64_t available, uint64_t used, uint16_t entries)
{
    virtqueue_reset(&queue);
    queue.descriptors = descriptors;
    queue.available = available;
    queue.used = used;
    queue.entries = entries;
    return virtqueue_open(&queue, &driver.memory, &rings);
}

static void test_rings_lie_in_ram_and_are_aligned(void **state)
{
    (void)state;
    assert_true(opens(0, 0, 0, 128));
    assert_true(opens(DRIVER_RAM_BYTES - 16, DRIVER_RAM_BYTES - 8, DRIVER_RAM_BYTES - 16, 1));
    assert_false(opens(DRIVER_RAM_BYTES, 0, 0, 1));
    assert_false(opens(0, DRIVER_RAM_BYTES - 6, 0, 1)); // the event index counts too
    assert_false(opens(0, 0, DRIVER_RAM_BYTES - 12, 1));
    assert_false(opens(UINT64_MAX - 15, 0, 0, 2));
    assert_false(opens(8, 0, 0, 1));
    assert_false(opens(0, 1, 0, 1));
    assert_false(opens(0, 0, 2, 1));
}

// ---- Buffers go back ----

static void test_used_buffers_are_shown_in_order(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DRIVER_ENTRIES + 2; i++) {
        virtqueue_push(&queue, &rings, (uint16_t)i, 10 * i);
        assert_int_equal(driver_used_index(0), i + 1);
        assert_int_equal(driver_used_at(0, i).head, i);
        assert_int_equal(driver_used_at(0, i).bytes, 10 * i);
    }
}

static void test_the_flag_suppresses_interrupts(void **state)
{
    (void)state;
    assert_false(virtqueue_wants_interrupt(&queue, &rings)); // nothing was pushed
    virtqueue_push(&queue, &rings, 0, 0);
    assert_true(virtqueue_wants_interrupt(&queue, &rings));
    assert_false(virtqueue_wants_interrupt(&queue, &rings));
    driver_put16(DRIVER_AVAILABLE(0), 1);
    virtqueue_push(&queue, &rings, 0, 0);
    assert_false(virtqueue_wants_interrupt(&queue, &rings));
}

// The driver wants an interrupt for the entry `event`. The device pushes `count` from `from` on.
static bool interrupts(uint16_t event, uint16_t from, unsigned count)
{
    queue.event_index = true;
    queue.next_used = from;
    queue.signalled = from;
    driver_put16(DRIVER_AVAILABLE(0) + 4 + 2UL * DRIVER_ENTRIES, event);
    for (unsigned i = 0; i < count; i++) {
        virtqueue_push(&queue, &rings, 0, 0);
    }
    return virtqueue_wants_interrupt(&queue, &rings);
}

static void test_the_event_index_chooses_one_interrupt(void **state)
{
    (void)state;
    driver_put16(DRIVER_AVAILABLE(0), 1); // the flag counts no longer
    assert_true(interrupts(0, 0, 1));
    assert_false(interrupts(1, 0, 1));
    assert_true(interrupts(1, 0, 2));
    assert_true(interrupts(0, 0, 5));
    assert_false(interrupts(4, 5, 3));
    assert_true(interrupts(0xffff, 0xfffe, 3));
    assert_true(interrupts(0, 0xfffe, 3));
    assert_false(interrupts(1, 0xfffe, 3));
    assert_false(interrupts(0, 0, 0));
}

static void test_an_empty_queue_asks_for_the_next_notification(void **state)
{
    const struct driver_segment segment = {0, 1, 0};
    uint64_t event = DRIVER_USED(0) + 4 + 8UL * DRIVER_ENTRIES;
    (void)state;
    queue.event_index = true;
    driver_add(0, &segment, 1);
    driver_add(0, &segment, 1);
    assert_true(pop());
    assert_int_equal(driver_get16(event), 0);
    assert_true(pop());
    assert_false(pop());
    assert_int_equal(driver_get16(event), 2);
}

// ---- Bytes of a chain ----

static void fill_chain(void)
{
    const struct driver_segment segments[] = {{DRIVER_BUFFERS, 3, 0},
                                              {DRIVER_BUFFERS + 16, 5, 0},
                                              {DRIVER_BUFFERS + 32, 4, SEGMENT_WRITE},
                                              {DRIVER_RAM_BYTES - 2, 4, SEGMENT_WRITE}};
    for (unsigned i = 0; i < 64; i++) {
        driver_ram[DRIVER_BUFFERS + i] = (uint8_t)i;
    }
    driver_add(0, segments, 4);
    assert_true(pop());
}

static void test_bytes_are_read_across_segments(void **state)
{
    uint8_t bytes[8];
    (void)state;
    fill_chain();
    struct virtio_cursor cursor = virtio_chain_readable(&chain);
    assert_true(virtio_chain_read(&chain, &cursor, &driver.memory, bytes, 2));
    assert_true(virtio_chain_read(&chain, &cursor, &driver.memory, bytes + 2, 6));
    assert_memory_equal(bytes, "\0\1\2\20\21\22\23\24", 8);
    assert_false(virtio_chain_read(&chain, &cursor, &driver.memory, bytes, 1));
    cursor = virtio_chain_readable(&chain);
    virtio_chain_skip(&chain, &cursor, 4);
    assert_true(virtio_chain_read(&chain, &cursor, &driver.memory, bytes, 1));
    assert_int_equal(bytes[0], 17);
    virtio_chain_skip(&chain, &cursor, 100);
    assert_false(virtio_chain_read(&chain, &cursor, &driver.memory, bytes, 1));
}

static void test_bytes_are_written_where_they_are_ram(void **state)
{
    (void)state;
    fill_chain();
    struct virtio_cursor cursor = virtio_chain_writable(&chain);
    assert_true(virtio_chain_write(&chain, &cursor, &driver.memory, "abcd", 4));
    assert_memory_equal(driver_ram + DRIVER_BUFFERS + 32, "abcd", 4);
    assert_true(virtio_chain_write(&chain, &cursor, &driver.memory, "ef", 2));
    assert_memory_equal(driver_ram + DRIVER_RAM_BYTES - 2, "ef", 2);
    assert_false(virtio_chain_write(&chain, &cursor, &driver.memory, "g", 1));
}

static void test_pieces_end_with_their_segment(void **state)
{
    uint64_t bytes = 4;
    (void)state;
    fill_chain();
    struct virtio_cursor cursor = virtio_chain_readable(&chain);
    assert_ptr_equal(virtio_chain_piece(&chain, &cursor, &driver.memory, &bytes),
                     driver_ram + DRIVER_BUFFERS);
    assert_int_equal(bytes, 3);
    bytes = 4;
    assert_ptr_equal(virtio_chain_piece(&chain, &cursor, &driver.memory, &bytes),
                     driver_ram + DRIVER_BUFFERS + 16);
    assert_int_equal(bytes, 4);
    bytes = 4;
    assert_ptr_equal(virtio_chain_piece(&chain, &cursor, &driver.memory, &bytes),
                     driver_ram + DRIVER_BUFFERS + 20);
    assert_int_equal(bytes, 1);
    assert_null(virtio_chain_piece(&chain, &cursor, &driver.memory, &bytes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_an_empty_queue_has_nothing, set_up),
        cmocka_unit_test_setup(test_a_chain_is_copied_in_order, set_up),
        cmocka_unit_test_setup(test_an_indirect_table_follows_other_descriptors, set_up),
        cmocka_unit_test_setup(test_an_indirect_table_has_any_alignment_and_the_longest_chain,
                               set_up),
        cmocka_unit_test_setup(test_wrong_chains_break_the_queue, set_up),
        cmocka_unit_test_setup(test_a_table_is_the_last_and_in_no_other, set_up),
        cmocka_unit_test_setup(test_chains_end, set_up),
        cmocka_unit_test_setup(test_heads_and_indexes_are_checked, set_up),
        cmocka_unit_test_setup(test_rings_lie_in_ram_and_are_aligned, set_up),
        cmocka_unit_test_setup(test_used_buffers_are_shown_in_order, set_up),
        cmocka_unit_test_setup(test_the_flag_suppresses_interrupts, set_up),
        cmocka_unit_test_setup(test_the_event_index_chooses_one_interrupt, set_up),
        cmocka_unit_test_setup(test_an_empty_queue_asks_for_the_next_notification, set_up),
        cmocka_unit_test_setup(test_bytes_are_read_across_segments, set_up),
        cmocka_unit_test_setup(test_bytes_are_written_where_they_are_ram, set_up),
        cmocka_unit_test_setup(test_pieces_end_with_their_segment, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
