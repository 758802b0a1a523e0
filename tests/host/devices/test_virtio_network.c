// SPDX-License-Identifier: MIT
// Tests of the network device: sending, receiving in every form, and the control queue.
#include "vmm/devices/virtio/virtio_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/host/devices/fake_port.h"
#include "tests/host/devices/tcp_frame.h"
#include "tests/host/devices/virtio_fixture.h"
#include "vmm/devices/virtio/net_filter.h"
#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_device.h"

enum { RECEIVE, TRANSMIT, CONTROL };

#define HEADER_BYTES 12
#define SEND DRIVER_BUFFERS
#define BUFFERS (DRIVER_BUFFERS + 0x20000)
#define ACK (DRIVER_BUFFERS + 0x70000)
#define HOST_OFFLOADS (NETWORK_CSUM | NETWORK_HOST_TSO4 | NETWORK_HOST_TSO6 | NETWORK_HOST_ECN)
#define GUEST_OFFLOADS                                                                             \
    (NETWORK_GUEST_CSUM | NETWORK_GUEST_TSO4 | NETWORK_GUEST_TSO6 | NETWORK_GUEST_ECN)

static const uint8_t own[NET_MAC_BYTES] = {2, 0, 0, 0, 0, 2};

static struct virtio_network network;
static struct fake_port port;

static void start(uint64_t features, unsigned pairs)
{
    fake_port_tear_down(&port);
    driver_set_up();
    fake_port_init(&port);
    virtio_network_init(&network, &driver.memory, &port.port, own, pairs);
    driver_start(&network.device, features);
    assert_false(virtio_device_work(&network.device, 1));
}

static int set_up(void **state)
{
    (void)state;
    start(HOST_OFFLOADS | GUEST_OFFLOADS | NETWORK_CTRL_VQ | NETWORK_CTRL_RX, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_port_tear_down(&port);
    return 0;
}

static void test_configuration(void **state)
{
    static const uint8_t bytes[12] = {2, 0, 0, 0, 0, 2, 1, 0, 4, 0, 0xdc, 5};
    struct virtio_device *device = &network.device;
    (void)state;
    start(0, 4);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        assert_int_equal(virtio_device_config_read(device, i, 1), bytes[i]);
    }
    assert_int_equal(device->queue_count, 9);
    assert_true(device->offered & NETWORK_MQ);
    assert_int_equal(device->ops->type, VIRTIO_NETWORK);
    start(0, 1);
    assert_false(device->offered & NETWORK_MQ);
    assert_int_equal(device->queue_count, 3);
}

// ---- Sending ----

static void put_header(struct net_offload offload)
{
    memcpy(driver_ram + SEND, &offload, sizeof(offload));
}

// Sends a frame of `bytes` bytes behind the header at SEND, in two pieces.
static void send(uint32_t bytes)
{
    const struct driver_segment segments[] = {{SEND, 20, 0},
                                              {SEND + 20, HEADER_BYTES + bytes - 20, 0}};
    unsigned before = driver_used_index(TRANSMIT);
    driver.free = 0;
    driver_add(TRANSMIT, segments, 2);
    driver_kick(TRANSMIT);
    assert_int_equal(driver_used_index(TRANSMIT), before + 1);
    assert_int_equal(driver_used_at(TRANSMIT, before).bytes, 0);
}

static void test_a_frame_is_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        driver_ram[SEND + HEADER_BYTES + i] = (uint8_t)(i + 1);
    }
    send(100);
    assert_int_equal(port.sent, 1);
    assert_int_equal(port.last.bytes, 100);
    assert_int_equal(port.last.offload.gso_type, NET_GSO_NONE);
    assert_memory_equal(port.bytes, driver_ram + SEND + HEADER_BYTES, 100);
    assert_int_equal(driver.queue_interrupts, 1);
}

static void test_frames_that_are_no_frames_are_dropped(void **state)
{
    (void)state;
    send(13);
    send(NET_FRAME_BYTES_PLAIN + 1);
    assert_int_equal(network.bad_frames, 2);
    assert_int_equal(port.sent, 0);
    send(14);
    send(NET_FRAME_BYTES_PLAIN);
    assert_int_equal(port.sent, 2);
}

static void test_offloads_are_passed_on(void **state)
{
    const struct net_offload offload = {1, NET_GSO_TCP4 | NET_GSO_ECN, 54, 1448, 34, 16, 0};
    (void)state;
    put_header(offload);
    send(60000);
    assert_int_equal(port.sent, 1);
    assert_int_equal(port.last.bytes, 60000);
    assert_memory_equal(&port.last.offload, &offload, 10);
}

static void test_a_driver_uses_what_it_accepted(void **state)
{
    static const struct {
        uint64_t features;
        uint8_t type;
    } wrong[] = {
        {0, NET_GSO_NONE},
        {NETWORK_CSUM, NET_GSO_TCP4},
        {NETWORK_CSUM | NETWORK_HOST_TSO6, NET_GSO_TCP4},
        {NETWORK_CSUM | NETWORK_HOST_TSO4, NET_GSO_TCP6},
        {NETWORK_CSUM | NETWORK_HOST_TSO4, NET_GSO_TCP4 | NET_GSO_ECN},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
        start(wrong[i].features, 1);
        put_header((struct net_offload){1, wrong[i].type, 54, 1448, 34, 16, 0});
        send(1000);
        assert_int_equal(port.sent, 0);
        assert_int_equal(network.bad_frames, 1);
    }
}

static void test_data_outside_of_ram_is_not_sent(void **state)
{
    const struct driver_segment segments[] = {{SEND, 30, 0}, {DRIVER_RAM_BYTES - 10, 20, 0}};
    const struct driver_segment huge[] = {{SEND, 0xf0000000, 0}};
    (void)state;
    driver_add(TRANSMIT, segments, 2);
    driver_add(TRANSMIT, huge, 1);
    driver_kick(TRANSMIT);
    assert_int_equal(port.lost, 1);
    assert_int_equal(port.sent, 0);
    assert_int_equal(network.bad_frames, 1);
    assert_int_equal(driver_used_index(TRANSMIT), 2);
}

static void test_a_frame_that_was_begun_goes_on(void **state)
{
    const struct driver_segment segment = {SEND, 112, 0};
    (void)state;
    port.refuses = 3;
    driver_add(TRANSMIT, &segment, 1);
    virtio_device_notify(&network.device, TRANSMIT);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(virtio_device_work(&network.device, 1000));
        assert_int_equal(driver_used_index(TRANSMIT), 0);
    }
    assert_false(virtio_device_work(&network.device, 1000));
    assert_int_equal(port.sent, 1);
    assert_int_equal(port.last.progress, 3);
    assert_int_equal(driver_used_index(TRANSMIT), 1);
    send(100);
    assert_int_equal(port.last.progress, 0);
}

#define PIECES 90

// A frame in many small pieces costs more than in one.
static void test_pieces_to_send_cost_the_budget(void **state)
{
    struct driver_segment segments[PIECES];
    (void)state;
    start(VIRTIO_F_INDIRECT_DESC, 1);
    for (unsigned i = 0; i < PIECES; i++) {
        segments[i] = (struct driver_segment){SEND + i, 1, 0};
    }
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        driver_add_indirect(TRANSMIT, segments, PIECES);
    }
    virtio_device_notify(&network.device, TRANSMIT);
    assert_true(virtio_device_work(&network.device, 10000));
    assert_int_equal(port.sent, 2);
    assert_int_equal(port.last.bytes, PIECES - HEADER_BYTES);
}

// ---- Receiving ----

static void offer_buffers(unsigned count, uint32_t bytes)
{
    for (unsigned i = 0; i < count; i++) {
        const struct driver_segment segment = {BUFFERS + i * 0x8000ULL, bytes, SEGMENT_WRITE};
        driver_add(RECEIVE, &segment, 1);
    }
    driver_kick(RECEIVE);
}

static void arrive(void)
{
    virtio_network_arrived(&network);
    driver_kick(CONTROL);
}

static struct net_frame *add_frame(uint32_t bytes)
{
    struct net_frame *frame = fake_port_add(&port, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        frame->data[i] = (uint8_t)(i * 3);
    }
    memcpy(frame->data, own, sizeof(own));
    return frame;
}

static void test_a_frame_is_received(void **state)
{
    const struct driver_segment segments[] = {{BUFFERS, 5, SEGMENT_WRITE},
                                              {BUFFERS + 100, 50, SEGMENT_WRITE},
                                              {BUFFERS + 200, 1500, SEGMENT_WRITE}};
    (void)state;
    driver_add(RECEIVE, segments, 3);
    add_frame(100);
    arrive();
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 1);
    assert_int_equal(driver_used_at(RECEIVE, 0).bytes, HEADER_BYTES + 100);
    assert_memory_equal(driver_ram + BUFFERS, "\0\0\0\0\0", 5);
    assert_memory_equal(driver_ram + BUFFERS + 100, "\0\0\0\0\0\1\0\2\0\0\0\0\2", 13);
    assert_int_equal(driver_ram[BUFFERS + 200], (50 - 7) * 3);
    assert_int_equal(driver_ram[BUFFERS + 256], 99 * 3 % 256);
    assert_int_equal(driver.queue_interrupts, 1);
}

static void test_a_frame_waits_for_a_buffer(void **state)
{
    (void)state;
    add_frame(60);
    arrive();
    assert_int_equal(fake_port_waiting(&port), 1);
    assert_int_equal(network.device.pending, 0);
    offer_buffers(1, 2000);
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 1);
}

static void test_pieces_to_receive_cost_the_budget(void **state)
{
    struct driver_segment segments[PIECES];
    (void)state;
    start(VIRTIO_F_INDIRECT_DESC, 1);
    for (unsigned i = 0; i < PIECES; i++) {
        segments[i] = (struct driver_segment){BUFFERS + i, 1, SEGMENT_WRITE};
    }
    for (unsigned i = 0; i < 4; i++) {
        driver_add_indirect(RECEIVE, segments, PIECES);
        add_frame(60);
    }
    virtio_network_arrived(&network);
    assert_true(virtio_device_work(&network.device, 10000));
    assert_int_equal(fake_port_waiting(&port), 2);
}

// It does not work again and again on what cannot go on.
static void test_a_frame_that_waits_wants_no_turn(void **state)
{
    (void)state;
    start(GUEST_OFFLOADS | NETWORK_MRG_RXBUF, 1);
    add_frame(1500);
    virtio_network_arrived(&network);
    assert_false(virtio_device_work(&network.device, 1000)); // less than the frame
    assert_int_equal(fake_port_waiting(&port), 1);
}

static void test_a_frame_that_never_fits_is_dropped(void **state)
{
    (void)state;
    offer_buffers(1, 100);
    add_frame(200);
    add_frame(88);
    arrive();
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 1); // the small one has the buffer
    assert_int_equal(driver_used_at(RECEIVE, 0).bytes, 100);
}

static void check_merged(unsigned buffers, uint32_t bytes)
{
    uint32_t left = bytes;
    for (unsigned i = 0; i < buffers; i++) {
        uint32_t part = driver_used_at(RECEIVE, i).bytes;
        assert_true(i + 1 == buffers || part == 2000);
        left -= part;
    }
    assert_int_equal(left, 0);
    assert_int_equal(driver_ram[BUFFERS + 10], buffers);
    assert_int_equal(driver_ram[BUFFERS + 11], 0);
}

static void test_buffers_are_merged(void **state)
{
    (void)state;
    start(GUEST_OFFLOADS | NETWORK_MRG_RXBUF, 1);
    struct net_frame *frame = add_frame(5000);
    frame->offload.gso_type = NET_GSO_TCP4;
    arrive();
    offer_buffers(2, 2000); // not enough: nothing is shown
    assert_int_equal(driver_used_index(RECEIVE), 0);
    assert_int_equal(fake_port_waiting(&port), 1);
    const struct driver_segment third = {BUFFERS + 0x10000, 2000, SEGMENT_WRITE};
    driver_add(RECEIVE, &third, 1);
    driver_kick(RECEIVE);
    assert_int_equal(driver_used_index(RECEIVE), 3);
    check_merged(3, HEADER_BYTES + 5000);
    for (unsigned i = 6; i < 5000; i++) {
        unsigned at = HEADER_BYTES + i;
        assert_int_equal(driver_ram[BUFFERS + at / 2000 * 0x8000UL + at % 2000], i * 3 % 256);
    }
}

static void test_more_than_all_buffers_is_dropped(void **state)
{
    (void)state;
    start(GUEST_OFFLOADS | NETWORK_MRG_RXBUF, 1);
    struct net_frame *frame = add_frame(60000);
    frame->offload.gso_type = NET_GSO_TCP4;
    add_frame(100);
    offer_buffers(DRIVER_ENTRIES, 2000);
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 1);
    assert_int_equal(driver_used_at(RECEIVE, 0).bytes, HEADER_BYTES + 100);
}

static void test_a_checksum_is_completed_for_who_cannot(void **state)
{
    (void)state;
    start(0, 1);
    tcp_frame_make(fake_port_add(&port, FRAME_TCP4 + 20 + 33), false, 33, 0);
    offer_buffers(1, 2000);
    const uint8_t *buffer = driver_ram + BUFFERS;
    assert_memory_equal(buffer, "\0\0\0\0\0\0\0\0\0\0\1\0", HEADER_BYTES);
    assert_true(tcp_frame_is_right(buffer + HEADER_BYTES, FRAME_TCP4 + 20 + 33, FRAME_IP));
    start(NETWORK_GUEST_CSUM, 1);
    tcp_frame_make(fake_port_add(&port, FRAME_TCP4 + 20 + 33), false, 33, 0);
    offer_buffers(1, 2000);
    assert_memory_equal(buffer, "\1\0\0\0\0\0\42\0\20\0\1\0", HEADER_BYTES);
}

static void receive_cut(uint64_t features, bool ipv6)
{
    uint32_t headers = (ipv6 ? FRAME_TCP6 : FRAME_TCP4) + 20;
    start(features, 1);
    tcp_frame_make(fake_port_add(&port, headers + 3000), ipv6, 3000, 1400);
    offer_buffers(2, 2000);
    assert_int_equal(driver_used_index(RECEIVE), 2); // the third segment waits
    assert_int_equal(fake_port_waiting(&port), 1);
    const struct driver_segment third = {BUFFERS + 0x10000, 2000, SEGMENT_WRITE};
    driver_add(RECEIVE, &third, 1);
    driver_kick(RECEIVE);
    assert_int_equal(driver_used_index(RECEIVE), 3);
    assert_int_equal(fake_port_waiting(&port), 0);
    for (unsigned i = 0; i < 3; i++) {
        uint32_t bytes = driver_used_at(RECEIVE, i).bytes - HEADER_BYTES;
        assert_int_equal(bytes, headers + (i == 2 ? 200 : 1400));
        assert_true(tcp_frame_is_right(driver_ram + BUFFERS + 0x8000UL * i + HEADER_BYTES, bytes,
                                       FRAME_IP));
    }
}

static void test_long_segments_are_cut_for_who_cannot_take_them(void **state)
{
    (void)state;
    receive_cut(0, false);
    receive_cut(NETWORK_GUEST_CSUM | NETWORK_GUEST_TSO4, true);
    receive_cut(NETWORK_GUEST_CSUM | NETWORK_GUEST_TSO6, false);
}

static void test_cutting_takes_turns(void **state)
{
    unsigned turns = 1;
    (void)state;
    start(NETWORK_MRG_RXBUF, 1);
    tcp_frame_make(fake_port_add(&port, 54 + 6000), false, 6000, 1000);
    for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
        const struct driver_segment segment = {BUFFERS + i * 0x8000ULL, 2000, SEGMENT_WRITE};
        driver_add(RECEIVE, &segment, 1);
    }
    virtio_network_arrived(&network);
    while (virtio_device_work(&network.device, 1000)) {
        turns++;
        assert_true(driver_used_index(RECEIVE) <= turns);
    }
    assert_int_equal(driver_used_index(RECEIVE), 6);
    assert_true(turns >= 6);
}

static void test_a_long_frame_that_is_no_tcp_segment_is_dropped(void **state)
{
    (void)state;
    start(0, 1);
    struct net_frame *frame = add_frame(5000);
    frame->offload = (struct net_offload){1, NET_GSO_TCP4, 54, 1000, 34, 16, 1};
    offer_buffers(2, 2000);
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 0);
}

static void test_a_buffer_outside_of_ram_needs_a_reset(void **state)
{
    const struct driver_segment segment = {DRIVER_RAM_BYTES - 100, 2000, SEGMENT_WRITE};
    (void)state;
    add_frame(500);
    driver_add(RECEIVE, &segment, 1);
    driver_kick(RECEIVE);
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
    assert_int_equal(driver_used_index(RECEIVE), 0);
    assert_int_equal(fake_port_waiting(&port), 1);
}

// ---- Link ----

static void test_without_a_link_nothing_passes(void **state)
{
    (void)state;
    offer_buffers(1, 2000);
    virtio_network_set_link(&network, false);
    virtio_network_set_link(&network, false);
    assert_int_equal(driver.config_interrupts, 1);
    assert_int_equal(virtio_device_config_read(&network.device, 6, 2), 0);
    send(100);
    add_frame(100);
    arrive();
    assert_int_equal(port.sent, 0);
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 0);
    virtio_network_set_link(&network, true);
    assert_int_equal(virtio_device_config_read(&network.device, 6, 2), 1);
    send(100);
    assert_int_equal(port.sent, 1);
}

// ---- The control queue ----

static uint8_t command_at(unsigned queue, const void *bytes, uint32_t count)
{
    const struct driver_segment segments[] = {{SEND, count, 0}, {ACK, 1, SEGMENT_WRITE}};
    unsigned before = driver_used_index(queue);
    memcpy(driver_ram + SEND, bytes, count);
    driver_ram[ACK] = 0xee;
    driver_add(queue, segments, 2);
    driver_kick(queue);
    assert_int_equal(driver_used_index(queue), before + 1);
    return driver_ram[ACK];
}

static uint8_t command(const void *bytes, uint32_t count)
{
    return command_at(CONTROL, bytes, count);
}

static void test_modes_are_set(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < NET_FILTER_MODES; mode++) {
        assert_int_equal(command((uint8_t[]){0, (uint8_t)mode, 1}, 3), 0);
    }
    assert_int_equal(network.filter.modes, BIT(NET_FILTER_MODES) - 1);
    assert_int_equal(command((uint8_t[]){0, 0, 0}, 3), 0);
    assert_int_equal(network.filter.modes, BIT(NET_FILTER_MODES) - 2);
    assert_int_equal(command((uint8_t[]){0, NET_FILTER_MODES, 1}, 3), 1);
}

static void test_commands_that_do_not_exist(void **state)
{
    (void)state;
    assert_int_equal(command((uint8_t[]){0, 0}, 2), 1); // too short
    assert_int_equal(command((uint8_t[]){0}, 1), 1);
    assert_int_equal(command((uint8_t[]){1, 1, 2, 0, 0, 0, 0, 9}, 8), 1); // another MAC address
    assert_int_equal(command((uint8_t[]){2, 0, 1, 0}, 4), 1);             // VLANs
    assert_int_equal(command((uint8_t[]){255, 255, 1}, 3), 1);
    assert_int_equal(command((uint8_t[]){4, 0, 1, 0}, 4), 1); // MQ was not accepted
    assert_int_equal(network.filter.modes, BIT(NET_PROMISCUOUS));
}

static void test_the_filter_drops_what_is_not_wanted(void **state)
{
    static const uint8_t tables[] = {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0,
                                     7, 1, 0, 0, 0, 1, 0, 0, 0, 0, 9};
    (void)state;
    offer_buffers(3, 2000);
    assert_int_equal(command((uint8_t[]){0, NET_PROMISCUOUS, 0}, 3), 0);
    assert_int_equal(command(tables, sizeof(tables)), 0);
    add_frame(60)->data[5] = 6; // another's
    add_frame(60)->data[5] = 7; // listed
    struct net_frame *group = add_frame(60);
    group->data[0] = 1;
    group->data[5] = 9;
    add_frame(60)->data[0] = 3; // a group that is not listed
    arrive();
    assert_int_equal(fake_port_waiting(&port), 0);
    assert_int_equal(driver_used_index(RECEIVE), 2);
}

static void test_tables_are_complete_or_nothing(void **state)
{
    static const uint8_t tables[] = {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 7, 0, 0, 0, 0};
    static const uint8_t huge[] = {1, 0, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7};
    (void)state;
    assert_int_equal(command(tables, sizeof(tables)), 0);
    assert_int_equal(network.filter.count, 1);
    assert_int_equal(command(tables, sizeof(tables) - 1), 1);
    assert_int_equal(command(huge, sizeof(huge)), 1);
    assert_int_equal(network.filter.count, 1);
    assert_int_equal(network.filter.macs[0], 0x070000000002);
}

static void test_a_command_without_a_place_for_its_answer(void **state)
{
    const struct driver_segment segment = {SEND, 3, 0};
    (void)state;
    driver_add(CONTROL, &segment, 1);
    driver_kick(CONTROL);
    assert_true(driver_read(REG_STATUS, 1) & VIRTIO_NEEDS_RESET);
}

// ---- Several queues ----

static void test_the_number_of_pairs_is_set(void **state)
{
    (void)state;
    start(NETWORK_CTRL_VQ | NETWORK_MQ, 3);
    assert_int_equal(command_at(6, (uint8_t[]){4, 0, 3, 0}, 4), 0);
    assert_int_equal(network.pairs, 3);
    assert_int_equal(command_at(6, (uint8_t[]){4, 0, 0, 0}, 4), 1);
    assert_int_equal(command_at(6, (uint8_t[]){4, 0, 4, 0}, 4), 1);
    assert_int_equal(network.pairs, 3);
    driver_write(REG_STATUS, 1, 0);
    assert_int_equal(network.pairs, 1);
    start(NETWORK_CTRL_VQ, 3); // without MQ the control queue is behind the first pair
    assert_int_equal(command_at(2, (uint8_t[]){0, 0, 1}, 3), 0);
}

static void test_connections_are_spread(void **state)
{
    unsigned received = 0;
    (void)state;
    start(NETWORK_CTRL_VQ | NETWORK_MQ, 2);
    assert_int_equal(command_at(4, (uint8_t[]){4, 0, 2, 0}, 4), 0);
    for (unsigned queue = 0; queue < 4; queue += 2) {
        driver.free = 0;
        for (unsigned i = 0; i < DRIVER_ENTRIES; i++) {
            const struct driver_segment segment = {BUFFERS + (queue * 8 + i) * 0x1000ULL, 2000,
                                                   SEGMENT_WRITE};
            driver_add(queue, &segment, 1);
        }
    }
    for (unsigned i = 0; i < FAKE_PORT_FRAMES; i++) {
        add_frame(60)->data[35] = (uint8_t)i;
    }
    arrive();
    assert_int_equal(fake_port_waiting(&port), 0);
    for (unsigned queue = 0; queue < 4; queue += 2) {
        assert_true(driver_used_index(queue) > 0);
        received += driver_used_index(queue);
    }
    assert_int_equal(received, FAKE_PORT_FRAMES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_configuration, set_up),
        cmocka_unit_test_setup(test_a_frame_is_sent, set_up),
        cmocka_unit_test_setup(test_frames_that_are_no_frames_are_dropped, set_up),
        cmocka_unit_test_setup(test_offloads_are_passed_on, set_up),
        cmocka_unit_test_setup(test_a_driver_uses_what_it_accepted, set_up),
        cmocka_unit_test_setup(test_data_outside_of_ram_is_not_sent, set_up),
        cmocka_unit_test_setup(test_a_frame_that_was_begun_goes_on, set_up),
        cmocka_unit_test_setup(test_a_frame_is_received, set_up),
        cmocka_unit_test_setup(test_a_frame_waits_for_a_buffer, set_up),
        cmocka_unit_test_setup(test_pieces_to_send_cost_the_budget, set_up),
        cmocka_unit_test_setup(test_pieces_to_receive_cost_the_budget, set_up),
        cmocka_unit_test_setup(test_a_frame_that_waits_wants_no_turn, set_up),
        cmocka_unit_test_setup(test_a_frame_that_never_fits_is_dropped, set_up),
        cmocka_unit_test_setup(test_buffers_are_merged, set_up),
        cmocka_unit_test_setup(test_more_than_all_buffers_is_dropped, set_up),
        cmocka_unit_test_setup(test_a_checksum_is_completed_for_who_cannot, set_up),
        cmocka_unit_test_setup(test_long_segments_are_cut_for_who_cannot_take_them, set_up),
        cmocka_unit_test_setup(test_cutting_takes_turns, set_up),
        cmocka_unit_test_setup(test_a_long_frame_that_is_no_tcp_segment_is_dropped, set_up),
        cmocka_unit_test_setup(test_a_buffer_outside_of_ram_needs_a_reset, set_up),
        cmocka_unit_test_setup(test_without_a_link_nothing_passes, set_up),
        cmocka_unit_test_setup(test_modes_are_set, set_up),
        cmocka_unit_test_setup(test_commands_that_do_not_exist, set_up),
        cmocka_unit_test_setup(test_the_filter_drops_what_is_not_wanted, set_up),
        cmocka_unit_test_setup(test_tables_are_complete_or_nothing, set_up),
        cmocka_unit_test_setup(test_a_command_without_a_place_for_its_answer, set_up),
        cmocka_unit_test_setup(test_the_number_of_pairs_is_set, set_up),
        cmocka_unit_test_setup(test_connections_are_spread, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
