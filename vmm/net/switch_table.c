// SPDX-License-Identifier: MIT
// The addresses of a switch, in two tables of fixed size. Ports' own addresses are looked up
// without fail: no other port can take them over. Learned ones may push each other out.
#include "vmm/net/switch_table.h"

#include "vmm/devices/virtio/net_port.h"
#include "vmm/net/net_switch.h"
#include "vmm/util/nanoseconds.h"

static_assert(SWITCH_OWNERS >= 2 * SWITCH_PORTS_MAX, "a search for an owner ends at a free slot");

static unsigned hash(uint64_t mac)
{
    return (unsigned)((mac * 0x9e3779b97f4a7c15) >> 58);
}
static_assert(SWITCH_OWNERS == 64 && SWITCH_SETS == 64, "hash gives 6 bits");

struct switch_port *switch_table_owner(const struct net_switch *net_switch, uint64_t mac)
{
    unsigned slot = hash(mac);
    while (net_switch->owners[slot]) {
        struct switch_port *port = net_switch->ports[net_switch->owners[slot] - 1];
        if (port->mac == mac) {
            return port;
        }
        slot = (slot + 1) % SWITCH_OWNERS;
    }
    return NULL;
}

static bool is_old(const struct switch_address *address, uint64_t now_ns)
{
    return address->used_ns + SWITCH_AGE_SECONDS * NS_PER_S < now_ns;
}

struct switch_port *switch_table_find(const struct net_switch *net_switch, uint64_t mac)
{
    struct switch_port *owner = net_mac_is_group(mac) ? NULL : switch_table_owner(net_switch, mac);
    if (owner || net_mac_is_group(mac) || mac == 0) {
        return owner;
    }
    const struct switch_address *set = net_switch->addresses[hash(mac)];
    for (unsigned i = 0; i < SWITCH_WAYS; i++) {
        if (set[i].mac == mac) {
            return is_old(&set[i], net_switch->output->now_ns(net_switch->output))
                       ? NULL
                       : net_switch->ports[set[i].port];
        }
    }
    return NULL;
}

void switch_table_learn(struct net_switch *net_switch, uint64_t mac, uint8_t port, uint64_t now_ns)
{
    struct switch_address *set = net_switch->addresses[hash(mac)];
    struct switch_address *oldest = &set[0];
    for (unsigned i = 0; i < SWITCH_WAYS; i++) {
        if (set[i].mac == mac) {
            oldest = &set[i];
            break;
        }
        if (set[i].used_ns < oldest->used_ns) {
            oldest = &set[i];
        }
    }
    *oldest = (struct switch_address){mac, now_ns, port};
}

static void add_owner(struct net_switch *net_switch, unsigned number)
{
    unsigned slot = hash(net_switch->ports[number]->mac);
    while (net_switch->owners[slot]) {
        slot = (slot + 1) % SWITCH_OWNERS;
    }
    net_switch->owners[slot] = (uint8_t)(number + 1);
}

void switch_table_rebuild(struct net_switch *net_switch)
{
    for (unsigned i = 0; i < SWITCH_OWNERS; i++) {
        net_switch->owners[i] = 0;
    }
    for (unsigned i = 0; i < SWITCH_PORTS_MAX; i++) {
        if (net_switch->ports[i]) {
            add_owner(net_switch, i);
        }
    }
    for (unsigned i = 0; i < SWITCH_SETS * SWITCH_WAYS; i++) {
        struct switch_address *address = &net_switch->addresses[i / SWITCH_WAYS][i % SWITCH_WAYS];
        if (!net_switch->ports[address->port] || switch_table_owner(net_switch, address->mac)) {
            *address = (struct switch_address){0};
        }
    }
}
