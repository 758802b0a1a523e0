// SPDX-License-Identifier: MIT
// Which frames a driver wants to have (virtio 1.2, 5.1.6.5.1 and 5.1.6.5.2).
#pragma once

#include "vmm/util/types.h"

#define NET_FILTER_MACS 32

// The commands of VIRTIO_NET_CTRL_RX switch one each, in this order.
enum net_filter_mode {
    NET_PROMISCUOUS,
    NET_ALL_MULTICAST,
    NET_ALL_UNICAST,
    NET_NO_MULTICAST,
    NET_NO_UNICAST,
    NET_NO_BROADCAST,
    NET_FILTER_MODES,
};

struct net_filter {
    uint64_t own;     // the device's MAC address
    uint32_t modes;   // a bit for each that is on
    uint8_t count;    // of `macs`
    bool many_single; // more unicast addresses than there is room for: all are wanted
    bool many_groups; // likewise of multicast
    uint64_t macs[NET_FILTER_MACS];
};

// Everything is wanted: what a driver has that cannot say what it wants.
void net_filter_reset(struct net_filter *filter, uint64_t own);

bool net_filter_wants(const struct net_filter *filter, uint64_t destination);

// Empties the list of addresses, and adds to it.
void net_filter_clear(struct net_filter *filter);
void net_filter_add(struct net_filter *filter, uint64_t mac);
