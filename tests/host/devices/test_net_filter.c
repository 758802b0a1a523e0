// SPDX-License-Identifier: MIT
// Tests of which frames a driver wants.
#include "vmm/devices/virtio/net_filter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "vmm/devices/virtio/net_port.h"

#define OWN 0x060504030202ULL
#define OTHER 0x060504030204ULL
#define GROUP 0x060504030201ULL

static struct net_filter filter;

static int set_up(void **state)
{
    (void)state;
    net_filter_reset(&filter, OWN);
    filter.modes = 0;
    return 0;
}

static void test_everything_is_wanted_at_first(void **state)
{
    (void)state;
    net_filter_reset(&filter, OWN);
    assert_true(net_filter_wants(&filter, OTHER));
    assert_true(net_filter_wants(&filter, GROUP));
}

static void test_without_modes_own_and_broadcast_are_wanted(void **state)
{
    (void)state;
    assert_true(net_filter_wants(&filter, OWN));
    assert_true(net_filter_wants(&filter, NET_BROADCAST));
    assert_false(net_filter_wants(&filter, OTHER));
    assert_false(net_filter_wants(&filter, GROUP));
}

static void test_each_mode(void **state)
{
    static const struct {
        enum net_filter_mode mode;
        uint64_t destination;
        bool wanted;
    } rows[] = {
        {NET_PROMISCUOUS, OTHER, true},        {NET_ALL_MULTICAST, GROUP, true},
        {NET_ALL_MULTICAST, OTHER, false},     {NET_ALL_UNICAST, OTHER, true},
        {NET_ALL_UNICAST, GROUP, false},       {NET_NO_UNICAST, OWN, false},
        {NET_NO_UNICAST, NET_BROADCAST, true}, {NET_NO_BROADCAST, NET_BROADCAST, false},
        {NET_NO_BROADCAST, OWN, true},
    };
    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        filter.modes = BIT(rows[i].mode);
        assert_int_equal(net_filter_wants(&filter, rows[i].destination), rows[i].wanted);
    }
    filter.modes = BIT(NET_ALL_MULTICAST) | BIT(NET_NO_MULTICAST);
    assert_false(net_filter_wants(&filter, GROUP));
}

static void test_listed_addresses_are_wanted(void **state)
{
    (void)state;
    net_filter_add(&filter, OTHER);
    net_filter_add(&filter, GROUP);
    assert_true(net_filter_wants(&filter, OTHER));
    assert_true(net_filter_wants(&filter, GROUP));
    assert_false(net_filter_wants(&filter, GROUP + 2));
    net_filter_clear(&filter);
    assert_false(net_filter_wants(&filter, OTHER));
}

static void test_too_many_addresses_are_all_wanted(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NET_FILTER_MACS; i++) {
        net_filter_add(&filter, OTHER + 0x10000UL * i);
    }
    net_filter_add(&filter, 3);
    assert_true(net_filter_wants(&filter, 5));
    assert_false(net_filter_wants(&filter, 6));
    net_filter_add(&filter, 8);
    assert_true(net_filter_wants(&filter, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_everything_is_wanted_at_first, set_up),
        cmocka_unit_test_setup(test_without_modes_own_and_broadcast_are_wanted, set_up),
        cmocka_unit_test_setup(test_each_mode, set_up),
        cmocka_unit_test_setup(test_listed_addresses_are_wanted, set_up),
        cmocka_unit_test_setup(test_too_many_addresses_are_all_wanted, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
