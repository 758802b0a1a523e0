// SPDX-License-Identifier: MIT
// Tests of offloads: what a sender may ask for, and checksums for a receiver that makes none.
#include "vmm/devices/virtio/net_offload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/tcp_frame.h"
#include "vmm/devices/virtio/net_port.h"

static struct net_frame *frame;

static int set_up(void **state)
{
    (void)state;
    frame = malloc(sizeof(*frame) + NET_FRAME_BYTES_MAX);
    return frame ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(frame);
    return 0;
}

static bool check(struct net_offload offload, uint32_t bytes)
{
    return net_offload_check(&offload, bytes);
}

static void test_what_a_sender_may_ask_for(void **state)
{
    const struct net_offload good = {NET_NEEDS_CHECKSUM, NET_GSO_TCP4, 54, 1448, 34, 16, 0};
    struct net_offload offload = good;
    (void)state;
    assert_true(check(good, 60000));
    offload.gso_type = NET_GSO_TCP6 | NET_GSO_ECN;
    assert_true(check(offload, 60000));
    static const uint8_t unknown[] = {2, 3, 5, 0x7f, NET_GSO_ECN};
    for (unsigned i = 0; i < ARRAY_SIZE(unknown); i++) {
        offload.gso_type = unknown[i];
        assert_false(check(offload, 60000));
    }
    offload = good;
    offload.flags = 0; // segments have new checksums
    assert_false(check(offload, 60000));
    offload = good;
    offload.gso_size = 0;
    assert_false(check(offload, 60000));
    offload = good;
    offload.hdr_len = 2001;
    assert_false(check(offload, 2000));
    offload.hdr_len = 2000;
    assert_true(check(offload, 2000));
}

static void test_a_checksum_lies_in_the_frame(void **state)
{
    struct net_offload offload = {.flags = NET_NEEDS_CHECKSUM, .csum_start = 34, .csum_offset = 16};
    (void)state;
    assert_true(check(offload, 52));
    assert_false(check(offload, 51));
    offload.csum_start = 0xffff;
    offload.csum_offset = 0xffff;
    assert_false(check(offload, 1500));
    offload.csum_start = 13; // in the Ethernet header
    offload.csum_offset = 0;
    assert_false(check(offload, 1500));
}

static void test_a_plain_frame_has_a_length_and_nothing_else(void **state)
{
    struct net_offload offload = {0xfe, NET_GSO_NONE, 7, 7, 7, 7, 7};
    const struct net_offload nothing = {.num_buffers = 1};
    (void)state;
    assert_true(net_offload_check(&offload, NET_FRAME_BYTES_PLAIN));
    assert_memory_equal(&offload, &nothing, sizeof(offload));
    assert_false(net_offload_check(&offload, NET_FRAME_BYTES_PLAIN + 1));
}

static void test_checksums_are_completed(void **state)
{
    (void)state;
    for (uint32_t payload = 0; payload < 40; payload++) {
        tcp_frame_make(frame, false, payload, 0);
        assert_false(tcp_frame_is_right(frame->data, frame->bytes, FRAME_IP));
        net_offload_finish_checksum(frame);
        assert_true(tcp_frame_is_right(frame->data, frame->bytes, FRAME_IP));
        tcp_frame_make(frame, true, payload, 0);
        net_offload_finish_checksum(frame);
        assert_true(tcp_frame_is_right(frame->data, frame->bytes, FRAME_IP));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_sender_may_ask_for),
        cmocka_unit_test(test_a_checksum_lies_in_the_frame),
        cmocka_unit_test(test_a_plain_frame_has_a_length_and_nothing_else),
        cmocka_unit_test(test_checksums_are_completed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
