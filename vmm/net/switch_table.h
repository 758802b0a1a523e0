// SPDX-License-Identifier: MIT
// Which port an address is behind. The lock of the switch is held by all callers.
#pragma once

#include "vmm/util/types.h"

struct net_switch;

// The port whose own address it is. NULL: no port's.
struct switch_port *switch_table_owner(const struct net_switch *net_switch, uint64_t mac);

// The port that frames to the address go to: its owner, or where it was learned. NULL: not known,
// or a group address.
struct switch_port *switch_table_find(const struct net_switch *net_switch, uint64_t mac);

// The address, which no port owns, sends from a port. If there is no room, what was not used for
// the longest time is forgotten.
void switch_table_learn(struct net_switch *net_switch, uint64_t mac, uint8_t port, uint64_t now_ns);

// The ports have changed. Addresses that were learned at ports that are no more, or that a port
// owns now, are forgotten.
void switch_table_rebuild(struct net_switch *net_switch);
