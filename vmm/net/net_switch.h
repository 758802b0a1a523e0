// SPDX-License-Identifier: MIT
// A learning switch between the network devices of VMs. A frame is copied by the sender's CPU out
// of its VM into memory of Husk, and by the receiver's CPU from there into its VM.
#pragma once

#include "vmm/devices/virtio/net_port.h"
#include "vmm/net/packet_ring.h"
#include "vmm/util/lock.h"
#include "vmm/util/types.h"

#define SWITCH_PORTS_MAX 32
#define SWITCH_OWNERS 64 // slots for the ports' own addresses: twice as many as ports
#define SWITCH_SETS 64   // of learned addresses
#define SWITCH_WAYS 4

// What one port may flood: a burst, and so many frames a second from then on.
#define SWITCH_FLOOD_BURST 256
#define SWITCH_FLOODS_PER_SECOND 2000

// An address that is not used for so long is forgotten (IEEE 802.1D, table 7-5).
#define SWITCH_AGE_SECONDS 300

struct switch_port;

// What a switch needs from outside. The owner embeds it and finds itself with container_of.
struct switch_output {
    uint64_t (*now_ns)(struct switch_output *output);
    // Frames wait at a port that had none. Called on the CPU of the sender. It must not call the
    // switch, and must not wait for what the port's VM holds.
    void (*wake)(struct switch_output *output, struct switch_port *port);
};

// What `nets` shows. Each is counted by one CPU at a time.
struct switch_counters {
    uint64_t sent_frames; // that came from the device
    uint64_t sent_bytes;
    uint64_t received_frames; // that were put into the ring for the device
    uint64_t received_bytes;
    uint64_t full;    // for this port, but its ring had no room for the sender
    uint64_t spoofed; // from an address that the port may not use
    uint64_t floods;  // more than the port may flood
    uint64_t lost;    // from memory that is not RAM
};

struct switch_port {
    struct net_port port; // the device's end
    struct net_switch *owner;
    uint64_t mac;
    uint64_t flooded_ns; // the time up to which `may_flood` is right
    uint32_t may_flood;
    uint32_t writers; // CPUs that are filling a place in the ring
    bool promiscuous; // may send from any address
    uint8_t number;
    struct packet_ring ring;
    uint32_t held[SWITCH_PORTS_MAX]; // atomic: bytes in the ring, by the sender's number
    struct switch_counters counters;
};

struct switch_address {
    uint64_t mac; // 0: free
    uint64_t used_ns;
    uint8_t port;
};

struct net_switch {
    struct lock lock; // guards all that follows, and the tails of the rings
    struct switch_output *output;
    struct switch_port *ports[SWITCH_PORTS_MAX];
    uint8_t owners[SWITCH_OWNERS]; // the numbers of the ports + 1, by their own address
    struct switch_address addresses[SWITCH_SETS][SWITCH_WAYS];
};

void net_switch_init(struct net_switch *net_switch, struct switch_output *output);

// Adds a port with the address `mac`, which is no group address. `ring` of `ring_bytes` bytes (see
// packet_ring_init) holds what waits for it. False: all ports are taken, or another has that
// address.
bool net_switch_add(struct net_switch *net_switch, struct switch_port *port, uint64_t mac,
                    bool promiscuous, void *ring, uint32_t ring_bytes) MUST_CHECK;

// Takes the port out. Other CPUs may still be filling its ring: its memory is free once
// net_switch_is_idle.
void net_switch_remove(struct switch_port *port);
bool net_switch_is_idle(const struct switch_port *port);
