// SPDX-License-Identifier: MIT
// What a network device needs from the other end of its cable: a place for the frames that it
// sends, and the frames that wait for it.
#pragma once

#include "vmm/util/string.h"
#include "vmm/util/types.h"

#define NET_MAC_BYTES 6
#define NET_ETHERNET_BYTES 14      // destination, source, type
#define NET_FRAME_BYTES_MAX 65589  // virtio 1.2, 5.1.6.3
#define NET_FRAME_BYTES_PLAIN 1518 // without segmentation offload: an MTU of 1500, one VLAN tag

// What the sender left to do (struct virtio_net_hdr, virtio 1.2, 5.1.6).
struct net_offload {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len;
    uint16_t gso_size;
    uint16_t csum_start;
    uint16_t csum_offset;
    uint16_t num_buffers; // when a frame is received
};
static_assert(sizeof(struct net_offload) == 12, "virtio 1.2, 5.1.6");

// A frame that waits, in memory that no VM sees. Its offload was checked when it was sent.
struct net_frame {
    uint64_t sender; // the port's own
    struct net_offload offload;
    uint32_t bytes; // at least NET_ETHERNET_BYTES
    uint8_t data[];
};

// A frame on its way out, still in the memory of the VM.
struct net_packet {
    struct net_offload offload;           // what a frame begins with in memory, read once
    uint8_t ethernet[NET_ETHERNET_BYTES]; // and the bytes behind that
    uint32_t bytes;                       // without `offload`
    uint32_t progress;   // 0 at first. The port's own, from one call of `send` to the next
    const uint8_t *rest; // what lies behind `ethernet`. NULL: in several pieces
    // Copies those pieces. False: they are not RAM.
    bool (*copy_pieces)(struct net_packet *packet, uint8_t *to);
};

#define NET_START_BYTES (sizeof(struct net_offload) + NET_ETHERNET_BYTES)
static_assert(offsetof(struct net_packet, ethernet) + NET_ETHERNET_BYTES == NET_START_BYTES,
              "no padding");

// Copies all of a packet but its first NET_ETHERNET_BYTES. False: they are not RAM.
static inline bool net_packet_copy_rest(struct net_packet *packet, uint8_t *to)
{
    if (!packet->rest) {
        return packet->copy_pieces(packet, to);
    }
    memcpy(to, packet->rest, packet->bytes - NET_ETHERNET_BYTES);
    return true;
}

// The owner embeds this and finds itself with container_of.
struct net_port {
    // Takes a frame, or drops it: the sender does not learn which. What was copied is taken from
    // `*budget`. False: that is used up, and `send` is to be called with the same frame again.
    bool (*send)(struct net_port *port, struct net_packet *packet, int64_t *budget);
    // The frame that waits longest. It may be written to. NULL: there is none, and the port says so
    // when the next arrives.
    struct net_frame *(*next)(struct net_port *port);
    // The device is done with that frame.
    void (*release)(struct net_port *port, struct net_frame *frame);
};

// The MAC address as a number, for comparisons.
static inline uint64_t net_mac(const uint8_t *at)
{
    uint32_t low;
    uint16_t high;
    __builtin_memcpy(&low, at, sizeof(low));
    __builtin_memcpy(&high, at + sizeof(low), sizeof(high));
    return low | (uint64_t)high << 32;
}

#define NET_BROADCAST 0xffffffffffffULL

// Multicast and broadcast: the first bit on the wire.
static inline bool net_mac_is_group(uint64_t mac)
{
    return mac & 1;
}
