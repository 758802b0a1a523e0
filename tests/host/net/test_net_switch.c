// SPDX-License-Identifier: MIT
// Tests of the switch: who gets a frame, who may send it, floods, and ports that come and go.
#include "vmm/net/net_switch.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/host/net/switch_fixture.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/net/switch_table.h"
#include "vmm/util/nanoseconds.h"

#define STRANGER 0x998877665502ULL

static int set_up(void **state)
{
    (void)state;
    lan_set_up();
    return 0;
}

static const struct switch_counters *counters(unsigned port)
{
    return &lan.ports[port].counters;
}

static void test_a_frame_goes_to_the_owner_of_its_address(void **state)
{
    (void)state;
    assert_true(lan_send(0, lan_mac(2), lan_mac(0), 100));
    assert_int_equal(lan_take(1), 0);
    assert_int_equal(lan_take(3), 0);
    assert_int_equal(lan_take(2), 100);
    assert_int_equal(lan_take(2), 0);
    assert_int_equal(counters(0)->sent_frames, 1);
    assert_int_equal(counters(0)->sent_bytes, 100);
    assert_int_equal(counters(2)->received_frames, 1);
    assert_int_equal(counters(2)->received_bytes, 100);
    assert_true(lan_send(0, lan_mac(0), lan_mac(0), 100)); // to itself
    assert_int_equal(lan_take(0), 0);
}

static void test_broadcasts_and_strangers_are_flooded(void **state)
{
    static const uint64_t to[] = {NET_BROADCAST, 0x0100005e0001, STRANGER, 0};
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(to); i++) {
        assert_true(lan_send(1, to[i], lan_mac(1), 100 + i));
        assert_int_equal(lan_take(0), 100 + i);
        assert_int_equal(lan_take(2), 100 + i);
        assert_int_equal(lan_take(3), 100 + i);
        assert_int_equal(lan_take(1), 0);
    }
}

static void test_a_port_sends_from_its_own_address(void **state)
{
    (void)state;
    assert_true(lan_send(0, lan_mac(2), STRANGER, 100));
    assert_true(lan_send(0, lan_mac(2), lan_mac(1), 100));
    assert_true(lan_send(0, NET_BROADCAST, NET_BROADCAST, 100));
    assert_int_equal(lan_take(2), 0);
    assert_int_equal(counters(0)->spoofed, 3);
}

// ---- Promiscuous ports ----

static void add_bridge(void)
{
    assert_true(lan_add(4, lan_mac(4), true));
}

static void test_addresses_behind_a_promiscuous_port_are_learned(void **state)
{
    (void)state;
    add_bridge();
    assert_true(lan_send(4, lan_mac(0), STRANGER, 100));
    assert_int_equal(lan_take(0), 100);
    assert_true(lan_send(0, STRANGER, lan_mac(0), 101));
    assert_int_equal(lan_take(4), 101);
    assert_int_equal(lan_take(1), 0);
    assert_int_equal(counters(4)->spoofed, 0);
}

static void test_addresses_move_and_age(void **state)
{
    (void)state;
    add_bridge();
    assert_true(lan_add(5, lan_mac(5), true));
    assert_true(lan_send(4, lan_mac(0), STRANGER, 100));
    assert_true(lan_send(5, lan_mac(0), STRANGER, 100));
    assert_true(lan_send(0, STRANGER, lan_mac(0), 101));
    assert_int_equal(lan_take(4), 0);
    assert_int_equal(lan_take(5), 101);
    lan.now_ns += SWITCH_AGE_SECONDS * NS_PER_S;
    assert_true(lan_send(0, STRANGER, lan_mac(0), 102));
    assert_int_equal(lan_take(4), 0);
    lan.now_ns += 1;
    assert_true(lan_send(0, STRANGER, lan_mac(0), 103));
    assert_int_equal(lan_take(4), 103); // forgotten, so flooded
}

static void test_no_port_takes_over_the_address_of_another(void **state)
{
    (void)state;
    add_bridge();
    assert_true(lan_send(4, lan_mac(0), lan_mac(1), 100));
    assert_true(lan_send(4, lan_mac(0), NET_BROADCAST, 100));
    assert_int_equal(counters(4)->spoofed, 2);
    assert_true(lan_send(0, lan_mac(1), lan_mac(0), 101));
    assert_int_equal(lan_take(1), 101);
    assert_int_equal(lan_take(4), 0);
}

static void test_any_number_of_addresses_is_learned(void **state)
{
    unsigned known = 0;
    (void)state;
    add_bridge();
    for (unsigned i = 0; i < 5000; i++) {
        lan.now_ns++;
        assert_true(lan_send(4, lan_mac(0), 2 + 256ULL * i, 60));
        lan_take(0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        known += switch_table_find(&lan.net_switch, 2 + 256ULL * i) ? 1 : 0;
    }
    assert_int_equal(known, SWITCH_SETS * SWITCH_WAYS);
    // The latest one is known, whatever it pushed out.
    assert_ptr_equal(switch_table_find(&lan.net_switch, 2 + 256ULL * 4999), &lan.ports[4]);
}

// ---- Limits ----

static void test_a_full_ring_drops(void **state)
{
    unsigned taken = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(lan_send(0, lan_mac(1), lan_mac(0), 1500));
    }
    while (lan_take(1)) {
        taken++;
    }
    assert_int_equal(taken + counters(1)->full, 100);
    assert_true(counters(1)->full > 0);
    assert_int_equal(counters(1)->received_frames, taken);
    assert_true(lan_send(0, lan_mac(1), lan_mac(0), 1500));
    assert_int_equal(lan_take(1), 1500);
}

static void test_who_floods_leaves_room_to_others(void **state)
{
    unsigned taken = 0;
    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(lan_send(0, lan_mac(1), lan_mac(0), 60));
    }
    assert_true(counters(1)->full > 0);
    for (unsigned i = 0; i < 10; i++) { // as much as a long frame
        assert_true(lan_send(2, lan_mac(1), lan_mac(2), 3000));
    }
    while (taken < 10) {
        uint32_t bytes = lan_take(1);
        assert_true(bytes > 0);
        taken += bytes == 3000;
    }
    assert_int_equal(lan_take(1), 0);
    assert_int_equal(lan.ports[1].held[0], 0);
    assert_int_equal(lan.ports[1].held[2], 0);
}

static unsigned flood(unsigned frames)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < frames; i++) {
        assert_true(lan_send(0, NET_BROADCAST, lan_mac(0), 60));
        taken += lan_take(1) == 60;
        lan_take(2);
        lan_take(3);
    }
    return taken;
}

static void test_floods_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(flood(SWITCH_FLOOD_BURST + 100), SWITCH_FLOOD_BURST);
    assert_int_equal(counters(0)->floods, 100);
    lan.now_ns += NS_PER_S / 100;
    assert_int_equal(flood(100), SWITCH_FLOODS_PER_SECOND / 100);
    lan.now_ns += 3600 * NS_PER_S;
    assert_int_equal(flood(1000), SWITCH_FLOOD_BURST);
    assert_true(lan_send(0, lan_mac(1), lan_mac(0), 60)); // to one it still may
    assert_int_equal(lan_take(1), 60);
    assert_true(lan_send(1, NET_BROADCAST, lan_mac(1), 60)); // and so may others
    assert_int_equal(lan_take(2), 60);
}

static unsigned copies;
static bool copies_fail;

static bool count_copy(struct net_packet *packet, uint8_t *to)
{
    (void)packet;
    (void)to;
    copies++;
    return !copies_fail;
}

static void test_a_flood_takes_turns(void **state)
{
    struct net_port *end = &lan.ports[0].port;
    struct net_packet packet = {.bytes = 1000, .copy_pieces = count_copy, .ethernet = {1}};
    int64_t budget = 1500;
    (void)state;
    copies = 0;
    copies_fail = false;
    packet.ethernet[NET_MAC_BYTES] = 2; // lan_mac(0)
    packet.ethernet[NET_ETHERNET_BYTES - 3] = 1;
    assert_false(end->send(end, &packet, &budget));
    assert_int_equal(copies, 2);
    budget = 1;
    assert_false(end->send(end, &packet, &budget));
    assert_int_equal(copies, 3);
    budget = 1;
    assert_true(end->send(end, &packet, &budget));
    assert_int_equal(copies, 3);
    assert_int_equal(counters(0)->sent_frames, 1);
    assert_int_equal(lan.ports[0].may_flood, SWITCH_FLOOD_BURST - 1);
}

// The driver writes to the frame between two turns.
static void test_a_flood_keeps_to_the_port_s_own_address(void **state)
{
    struct net_port *end = &lan.ports[0].port;
    struct net_packet packet = {.bytes = 1000, .copy_pieces = count_copy};
    int64_t budget = 1;
    (void)state;
    copies = 0;
    copies_fail = false;
    packet.ethernet[0] = 1;             // a group
    packet.ethernet[NET_MAC_BYTES] = 2; // lan_mac(0)
    packet.ethernet[NET_ETHERNET_BYTES - 3] = 1;
    assert_false(end->send(end, &packet, &budget));
    assert_int_equal(copies, 1);
    packet.ethernet[NET_MAC_BYTES + 5]++; // lan_mac(1)
    budget = 10000;
    assert_true(end->send(end, &packet, &budget));
    assert_int_equal(copies, 1);
    assert_int_equal(counters(0)->spoofed, 1);
}

static void test_a_frame_that_cannot_be_copied_is_lost(void **state)
{
    struct net_port *end = &lan.ports[0].port;
    struct net_packet packet = {.bytes = 1000, .copy_pieces = count_copy};
    int64_t budget = 1500;
    (void)state;
    copies_fail = true;
    packet.ethernet[0] = packet.ethernet[NET_MAC_BYTES] = 2;
    packet.ethernet[5] = 2; // lan_mac(1)
    packet.ethernet[NET_MAC_BYTES + 5] = 1;
    assert_true(end->send(end, &packet, &budget));
    assert_int_equal(counters(0)->lost, 1);
    assert_int_equal(lan_take(1), 0);
}

// ---- Ports come and go ----

static void test_addresses_and_ports_are_limited(void **state)
{
    (void)state;
    assert_false(lan_add(4, lan_mac(2), false));
    for (unsigned i = LAN_PORTS; i < SWITCH_PORTS_MAX; i++) {
        assert_true(lan_add(i, lan_mac(i), false));
    }
    for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
        assert_ptr_equal(switch_table_find(&lan.net_switch, lan_mac(i)), &lan.ports[i]);
    }
    struct switch_port another;
    assert_false(net_switch_add(&lan.net_switch, &another, STRANGER, false, NULL, 0));
    net_switch_remove(&lan.ports[7]);
    assert_null(switch_table_find(&lan.net_switch, lan_mac(7)));
    assert_true(lan_add(7, lan_mac(7), false));
}

static void test_a_port_that_is_gone_gets_nothing(void **state)
{
    (void)state;
    add_bridge();
    assert_true(lan_send(4, lan_mac(0), STRANGER, 100));
    net_switch_remove(&lan.ports[4]);
    assert_true(net_switch_is_idle(&lan.ports[4]));
    assert_true(lan_send(0, STRANGER, lan_mac(0), 101));
    assert_true(lan_send(0, lan_mac(4), lan_mac(0), 101));
    assert_int_equal(lan.ports[4].counters.received_frames, 0);
    // An address that was learned is a new port's own.
    assert_true(lan_add(4, lan_mac(4), true));
    assert_true(lan_send(4, lan_mac(0), STRANGER, 100));
    assert_true(lan_add(5, STRANGER, false));
    assert_true(lan_send(0, STRANGER, lan_mac(0), 103));
    assert_int_equal(lan_take(5), 103);
}

static void test_a_port_that_slept_is_woken(void **state)
{
    (void)state;
    assert_int_equal(lan_take(1), 0);
    assert_true(lan_send(0, lan_mac(1), lan_mac(0), 60));
    assert_true(lan_send(0, lan_mac(1), lan_mac(0), 60));
    assert_int_equal(lan.wakes[1], 1);
    assert_int_equal(lan.wakes[2], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_frame_goes_to_the_owner_of_its_address, set_up),
        cmocka_unit_test_setup(test_broadcasts_and_strangers_are_flooded, set_up),
        cmocka_unit_test_setup(test_a_port_sends_from_its_own_address, set_up),
        cmocka_unit_test_setup(test_addresses_behind_a_promiscuous_port_are_learned, set_up),
        cmocka_unit_test_setup(test_addresses_move_and_age, set_up),
        cmocka_unit_test_setup(test_no_port_takes_over_the_address_of_another, set_up),
        cmocka_unit_test_setup(test_any_number_of_addresses_is_learned, set_up),
        cmocka_unit_test_setup(test_a_full_ring_drops, set_up),
        cmocka_unit_test_setup(test_who_floods_leaves_room_to_others, set_up),
        cmocka_unit_test_setup(test_floods_are_bounded, set_up),
        cmocka_unit_test_setup(test_a_flood_takes_turns, set_up),
        cmocka_unit_test_setup(test_a_flood_keeps_to_the_port_s_own_address, set_up),
        cmocka_unit_test_setup(test_a_frame_that_cannot_be_copied_is_lost, set_up),
        cmocka_unit_test_setup(test_addresses_and_ports_are_limited, set_up),
        cmocka_unit_test_setup(test_a_port_that_is_gone_gets_nothing, set_up),
        cmocka_unit_test_setup(test_a_port_that_slept_is_woken, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
