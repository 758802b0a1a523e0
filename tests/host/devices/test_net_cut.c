// SPDX-License-Identifier: MIT
// Tests of cutting long TCP segments.
#include "vmm/devices/virtio/net_cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/tcp_frame.h"
#include "vmm/devices/virtio/net_offload.h"
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

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

// Cuts the frame. Each segment must be right by itself, and all of them together have the payload.
static void check_cut(uint32_t payload, uint32_t ip, uint32_t tcp)
{
    uint8_t whole[2048];
    struct net_cut cut;
    struct net_segment segment;
    uint32_t done = 0;
    uint16_t size = frame->offload.gso_size;
    assert_true(net_cut_plan(frame, &cut));
    assert_int_equal(cut.headers, tcp + 20);
    assert_int_equal(cut.count, (payload + size - 1) / size);
    for (uint32_t i = 0; i < cut.count; i++) {
        bool last = i + 1 == cut.count;
        net_cut_segment(frame, &cut, i, &segment);
        assert_ptr_equal(segment.payload, frame->data + cut.headers + done);
        assert_int_equal(segment.payload_bytes, last ? payload - done : size);
        memcpy(whole, segment.headers, cut.headers);
        memcpy(whole + cut.headers, segment.payload, segment.payload_bytes);
        assert_true(tcp_frame_is_right(whole, cut.headers + segment.payload_bytes, ip));
        assert_int_equal(get32(whole + tcp + 4), 0xffffff00 + done);
        // FIN and PSH at the last, CWR at the first.
        assert_int_equal(whole[tcp + 13], 0x99 & ~((last ? 0 : 0x09) | (i > 0 ? 0x80 : 0)));
        done += segment.payload_bytes;
    }
    assert_int_equal(done, payload);
}

static void test_long_segments_are_cut(void **state)
{
    (void)state;
    tcp_frame_make(frame, false, 5000, 1448);
    check_cut(5000, FRAME_IP, FRAME_TCP4);
    tcp_frame_make(frame, false, 1448, 1448);
    check_cut(1448, FRAME_IP, FRAME_TCP4);
    tcp_frame_make(frame, true, 65000, 1428);
    check_cut(65000, FRAME_IP, FRAME_TCP6);
    tcp_frame_make(frame, true, 1, 256);
    check_cut(1, FRAME_IP, FRAME_TCP6);
}

static void test_each_ipv4_segment_has_an_id_of_its_own(void **state)
{
    struct net_cut cut;
    struct net_segment segment;
    (void)state;
    tcp_frame_make(frame, false, 5000, 1000);
    assert_true(net_cut_plan(frame, &cut));
    net_cut_segment(frame, &cut, 3, &segment);
    assert_int_equal(get32(segment.headers + FRAME_IP + 4) >> 16, 0x1237);
}

static void test_frames_with_a_vlan_tag_are_cut(void **state)
{
    (void)state;
    tcp_frame_make(frame, false, 3000, 1000);
    memmove(frame->data + 16, frame->data + 12, frame->bytes - 12);
    memcpy(frame->data + 12, "\x81\x00\x00\x05", 4);
    frame->bytes += 4;
    check_cut(3000, FRAME_IP + 4, FRAME_TCP4 + 4);
}

static bool plans_with(uint32_t at, uint8_t byte)
{
    struct net_cut cut;
    uint8_t before = frame->data[at];
    frame->data[at] = byte;
    bool planned = net_cut_plan(frame, &cut);
    frame->data[at] = before;
    return planned;
}

static void test_what_is_no_tcp_segment_is_not_cut(void **state)
{
    struct net_cut cut;
    (void)state;
    tcp_frame_make(frame, false, 1000, 500);
    assert_true(plans_with(FRAME_IP, 0x45));
    assert_false(plans_with(FRAME_IP, 0x44));
    assert_false(plans_with(FRAME_IP + 9, 17));
    assert_false(plans_with(13, 1));
    assert_false(plans_with(FRAME_TCP4 + 12, 0x40));
    for (uint32_t bytes = NET_ETHERNET_BYTES; bytes <= 54; bytes++) {
        frame->bytes = bytes;
        assert_false(net_cut_plan(frame, &cut));
        assert_false(plans_with(FRAME_IP, 0x4f));
    }
    frame->offload.gso_type = NET_GSO_TCP6;
    frame->bytes = 1000;
    assert_false(net_cut_plan(frame, &cut));
    tcp_frame_make(frame, false, 1000, 255); // so small a size would be a weapon
    assert_false(net_cut_plan(frame, &cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long_segments_are_cut),
        cmocka_unit_test(test_each_ipv4_segment_has_an_id_of_its_own),
        cmocka_unit_test(test_frames_with_a_vlan_tag_are_cut),
        cmocka_unit_test(test_what_is_no_tcp_segment_is_not_cut),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
