// SPDX-License-Identifier: MIT
// What a network device offers, and which of its queues does what.
#include "vmm/devices/virtio/virtio_network.h"

#include "vmm/devices/virtio/network_control.h"
#include "vmm/devices/virtio/network_receive.h"
#include "vmm/devices/virtio/network_send.h"
#include "vmm/devices/virtio/virtqueue.h"
#include "vmm/util/string.h"

#define MTU 1500

static_assert(sizeof(struct virtio_network_config) == 12, "virtio 1.2, 5.1.4");

#define FEATURES                                                                                   \
    (NETWORK_CSUM | NETWORK_GUEST_CSUM | NETWORK_MTU | NETWORK_MAC | NETWORK_GUEST_TSO4 |          \
     NETWORK_GUEST_TSO6 | NETWORK_GUEST_ECN | NETWORK_HOST_TSO4 | NETWORK_HOST_TSO6 |              \
     NETWORK_HOST_ECN | NETWORK_MRG_RXBUF | NETWORK_STATUS | NETWORK_CTRL_VQ | NETWORK_CTRL_RX |   \
     NETWORK_CTRL_RX_EXTRA)

// Receive queues are even, transmit queues odd. Behind them is the control queue: behind the first
// pair if the driver knows of no other (5.1.2).
static bool serve(struct virtio_device *device, unsigned queue, const struct virtqueue_rings *rings,
                  int64_t *budget)
{
    struct virtio_network *network = container_of(device, struct virtio_network, device);
    unsigned pairs = device->features & NETWORK_MQ ? network->config.max_virtqueue_pairs : 1;
    if (queue < 2 * pairs) {
        return queue & 1 ? network_send(network, queue, rings, budget)
                         : network_receive(network, queue, rings, budget);
    }
    return queue == 2 * pairs && device->features & NETWORK_CTRL_VQ &&
           network_control(network, queue, rings, budget);
}

static void reset(struct virtio_device *device)
{
    struct virtio_network *network = container_of(device, struct virtio_network, device);
    net_filter_reset(&network->filter, net_mac(network->config.mac));
    network->pairs = 1;
    network->segment = 0;
    memset(network->sending, 0, sizeof(network->sending));
}

static const struct virtio_device_ops network_ops = {
    .type = VIRTIO_NETWORK,
    .serve = serve,
    .reset = reset,
};

// The queue passes each frame on to the one that it belongs to.
void virtio_network_arrived(struct virtio_network *network)
{
    virtio_device_notify(&network->device, 0);
}

void virtio_network_set_link(struct virtio_network *network, bool up)
{
    if (up != virtio_network_link_is_up(network)) {
        network->config.status = up ? VIRTIO_NETWORK_LINK_UP : 0;
        virtio_device_config_changed(&network->device);
        virtio_network_arrived(network); // to receive what waits, or to drop it
    }
}

void virtio_network_init(struct virtio_network *network, struct virtio_memory *memory,
                         struct net_port *port, const uint8_t mac[NET_MAC_BYTES], unsigned pairs)
{
    uint64_t features = FEATURES | (pairs > 1 ? NETWORK_MQ : 0);
    network->port = port;
    network->bad_frames = 0;
    network->config = (struct virtio_network_config){
        .status = VIRTIO_NETWORK_LINK_UP, .max_virtqueue_pairs = (uint16_t)pairs, .mtu = MTU};
    memcpy(network->config.mac, mac, NET_MAC_BYTES);
    virtio_device_init(&network->device, &network_ops, memory, features, 2 * pairs + 1,
                       &network->config, sizeof(network->config));
}
