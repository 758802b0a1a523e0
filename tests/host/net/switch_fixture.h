// SPDX-License-Identifier: MIT
// A switch with ports and a clock, for tests.
#pragma once

#include "vmm/net/net_switch.h"
#include "vmm/util/types.h"

#define LAN_PORTS 4
#define LAN_RING_BYTES (128 * KIB)

struct lan {
    struct switch_output output;
    struct net_switch net_switch;
    struct switch_port ports[SWITCH_PORTS_MAX];
    uint64_t now_ns;
    unsigned wakes[SWITCH_PORTS_MAX];
};

extern struct lan lan;

// A switch with LAN_PORTS ports, whose addresses are those of lan_mac.
void lan_set_up(void);
uint64_t lan_mac(unsigned port);
bool lan_add(unsigned port, uint64_t mac, bool promiscuous);

// Sends a frame of `bytes` bytes, each of them `bytes & 0xff` behind the addresses. Returns whether
// the budget was enough.
bool lan_send(unsigned port, uint64_t to, uint64_t from, uint32_t bytes);

// The length of the next frame at a port, or 0. Checks what is in it.
uint32_t lan_take(unsigned port);
