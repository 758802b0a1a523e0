// SPDX-License-Identifier: MIT
// The model of a virtio network device (virtio 1.2, 5.1): a card whose cable ends in a port.
#pragma once

#include "vmm/devices/virtio/net_filter.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/util/types.h"

struct virtio_memory;

#define NETWORK_FRAME_COST 256 // of the budget, beside the bytes

#define VIRTIO_NETWORK_PAIRS_MAX ((VIRTIO_QUEUES_MAX - 1) / 2)

// struct virtio_net_config (5.1.4), as far as there are features for it.
struct virtio_network_config {
    uint8_t mac[NET_MAC_BYTES];
    uint16_t status;
    uint16_t max_virtqueue_pairs;
    uint16_t mtu;
};

// A frame that was begun to be sent.
struct virtio_network_sending {
    bool begun;
    uint16_t head;
    uint32_t progress; // of the port
};

struct virtio_network {
    struct virtio_device device;
    struct net_port *port;
    struct virtio_network_config config;
    struct net_filter filter;
    uint16_t pairs;   // of queues that the driver uses
    uint32_t segment; // the next one of the frame that is being cut
    struct virtio_network_sending sending[VIRTIO_NETWORK_PAIRS_MAX];
    uint64_t bad_frames; // of the driver, which no port saw
    struct virtio_chain chain;
};

// Features (5.1.3).
#define NETWORK_CSUM BIT(0)
#define NETWORK_GUEST_CSUM BIT(1)
#define NETWORK_MTU BIT(3)
#define NETWORK_MAC BIT(5)
#define NETWORK_GUEST_TSO4 BIT(7)
#define NETWORK_GUEST_TSO6 BIT(8)
#define NETWORK_GUEST_ECN BIT(9)
#define NETWORK_HOST_TSO4 BIT(11)
#define NETWORK_HOST_TSO6 BIT(12)
#define NETWORK_HOST_ECN BIT(13)
#define NETWORK_MRG_RXBUF BIT(15)
#define NETWORK_STATUS BIT(16)
#define NETWORK_CTRL_VQ BIT(17)
#define NETWORK_CTRL_RX BIT(18)
#define NETWORK_CTRL_RX_EXTRA BIT(20)
#define NETWORK_MQ BIT(22)

// `pairs` of queues, from 1 to VIRTIO_NETWORK_PAIRS_MAX. The link is up.
void virtio_network_init(struct virtio_network *network, struct virtio_memory *memory,
                         struct net_port *port, const uint8_t mac[NET_MAC_BYTES], unsigned pairs);

// The port has frames again. The device wants work if its driver can take any.
void virtio_network_arrived(struct virtio_network *network);

// Plugs the cable in, or pulls it out. Without it the device drops what is sent, and receives
// nothing.
void virtio_network_set_link(struct virtio_network *network, bool up);

#define VIRTIO_NETWORK_LINK_UP BIT(0) // of `status` (5.1.4)

static inline bool virtio_network_link_is_up(const struct virtio_network *network)
{
    return network->config.status & VIRTIO_NETWORK_LINK_UP;
}
