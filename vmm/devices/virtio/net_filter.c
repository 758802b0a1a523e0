// SPDX-License-Identifier: MIT
// Decides by the destination whether a driver gets a frame.
#include "vmm/devices/virtio/net_filter.h"

#include "vmm/devices/virtio/net_port.h"

void net_filter_clear(struct net_filter *filter)
{
    filter->count = 0;
    filter->many_single = false;
    filter->many_groups = false;
}

void net_filter_reset(struct net_filter *filter, uint64_t own)
{
    filter->own = own;
    filter->modes = BIT(NET_PROMISCUOUS);
    net_filter_clear(filter);
}

// A driver may give any number. Those that find no room are wanted without a look.
void net_filter_add(struct net_filter *filter, uint64_t mac)
{
    if (filter->count < NET_FILTER_MACS) {
        filter->macs[filter->count++] = mac;
    } else if (net_mac_is_group(mac)) {
        filter->many_groups = true;
    } else {
        filter->many_single = true;
    }
}

static bool is_listed(const struct net_filter *filter, uint64_t mac)
{
    for (unsigned i = 0; i < filter->count; i++) {
        if (filter->macs[i] == mac) {
            return true;
        }
    }
    return false;
}

bool net_filter_wants(const struct net_filter *filter, uint64_t destination)
{
    uint32_t modes = filter->modes;
    if (modes & BIT(NET_PROMISCUOUS)) {
        return true;
    }
    if (destination == NET_BROADCAST) {
        return !(modes & BIT(NET_NO_BROADCAST));
    }
    if (net_mac_is_group(destination)) {
        return !(modes & BIT(NET_NO_MULTICAST)) &&
               (modes & BIT(NET_ALL_MULTICAST) || filter->many_groups ||
                is_listed(filter, destination));
    }
    return !(modes & BIT(NET_NO_UNICAST)) &&
           (destination == filter->own || modes & BIT(NET_ALL_UNICAST) || filter->many_single ||
            is_listed(filter, destination));
}
