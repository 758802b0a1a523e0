// SPDX-License-Identifier: MIT
// Tests of the ring of frames: order, room, its end, and who is woken.
#include "vmm/net/packet_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/devices/virtio/net_port.h"

#define RING_BYTES 1024
#define OVERHEAD 32 // of a frame: its place and its header

static struct packet_ring ring;
static uint8_t *memory;
static unsigned woken;

static int set_up(void **state)
{
    (void)state;
    memory = aligned_alloc(PACKET_RING_ALIGNMENT, RING_BYTES);
    packet_ring_init(&ring, memory, RING_BYTES);
    return memory ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

static struct net_frame *reserve(uint32_t bytes)
{
    struct net_frame *frame = packet_ring_reserve(&ring, bytes, 0);
    if (frame) {
        assert_int_equal(frame->bytes, bytes);
        memset(frame->data, (int)(bytes & 0xff), bytes); // ASan sees what is not the ring's
    }
    return frame;
}

static bool put(uint32_t bytes)
{
    struct net_frame *frame = reserve(bytes);
    if (frame) {
        woken += packet_ring_commit(&ring, frame, true);
    }
    return frame;
}

static uint32_t take(void)
{
    const struct net_frame *frame = packet_ring_next(&ring);
    if (!frame) {
        return 0;
    }
    uint32_t bytes = frame->bytes;
    assert_int_equal(frame->data[bytes - 1], bytes & 0xff);
    packet_ring_release(&ring);
    return bytes;
}

static void test_frames_keep_their_order(void **state)
{
    (void)state;
    assert_int_equal(take(), 0);
    assert_true(put(60));
    assert_true(put(61));
    assert_int_equal(take(), 60);
    assert_true(put(62));
    assert_int_equal(take(), 61);
    assert_int_equal(take(), 62);
    assert_int_equal(take(), 0);
}

static void test_a_full_ring_takes_nothing(void **state)
{
    (void)state;
    assert_false(put(RING_BYTES));
    for (unsigned i = 0; i < RING_BYTES / 128; i++) {
        assert_true(put(128 - OVERHEAD));
    }
    assert_false(put(1));
    assert_int_equal(take(), 128 - OVERHEAD);
    assert_false(put(129 - OVERHEAD));
    assert_true(put(128 - OVERHEAD));
    assert_false(put(1));
}

static void test_a_frame_of_the_whole_ring_fits(void **state)
{
    (void)state;
    assert_true(put(RING_BYTES - OVERHEAD));
    assert_false(put(1));
    assert_int_equal(take(), RING_BYTES - OVERHEAD);
    assert_true(put(1));
    assert_int_equal(take(), 1);
    assert_false(put(RING_BYTES - OVERHEAD)); // not in one piece
}

static void test_no_frame_runs_over_the_end(void **state)
{
    (void)state;
    assert_true(put(600));
    assert_int_equal(take(), 600);
    assert_true(put(500)); // begins anew
    assert_int_equal(take(), 500);
    assert_int_equal(take(), 0);
    for (uint32_t i = 1; i < 5000; i++) {
        uint32_t bytes = 1 + i * 7 % 400;
        assert_true(put(bytes));
        assert_int_equal(take(), bytes);
    }
}

static void test_the_counters_wrap(void **state)
{
    (void)state;
    ring.head = ring.tail = 0U - 2 * PACKET_RING_ALIGNMENT;
    for (uint32_t i = 1; i < 10; i++) {
        assert_true(put(100 + i));
        assert_int_equal(take(), 100 + i);
    }
}

static void test_an_earlier_frame_is_waited_for(void **state)
{
    struct net_frame *first = reserve(60);
    (void)state;
    assert_non_null(first);
    assert_true(put(61));
    assert_int_equal(take(), 0);
    assert_true(packet_ring_commit(&ring, first, true));
    assert_int_equal(take(), 60);
    assert_int_equal(take(), 61);
}

static void test_what_could_not_be_filled_is_passed_over(void **state)
{
    struct net_frame *first = reserve(60);
    (void)state;
    assert_true(put(61));
    assert_false(packet_ring_commit(&ring, first, false));
    assert_int_equal(take(), 61);
}

static void test_a_receiver_that_found_nothing_is_woken_once(void **state)
{
    struct net_frame *frames[2] = {reserve(60), reserve(61)};
    (void)state;
    assert_null(packet_ring_next(&ring));
    assert_true(packet_ring_commit(&ring, frames[0], true));
    assert_false(packet_ring_commit(&ring, frames[1], true));
    assert_int_equal(take(), 60);
    struct net_frame *third = reserve(62);
    assert_false(packet_ring_commit(&ring, third, true)); // it is awake
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frames_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_ring_takes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_frame_of_the_whole_ring_fits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_frame_runs_over_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_counters_wrap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_earlier_frame_is_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_could_not_be_filled_is_passed_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_receiver_that_found_nothing_is_woken_once, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
