// SPDX-License-Identifier: MIT
// Gives what a driver sends to the port. The port copies it, as often as it has receivers.
#include "vmm/devices/virtio/network_send.h"

#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtqueue.h"

struct outgoing {
    struct net_packet packet;
    struct virtio_network *network;
    int64_t *budget;
    struct virtio_cursor pieces; // behind packet.ethernet, if they are several
};

static bool copy_pieces(struct net_packet *packet, uint8_t *to)
{
    struct outgoing *outgoing = container_of(packet, struct outgoing, packet);
    struct virtio_cursor cursor = outgoing->pieces;
    *outgoing->budget -= VIRTIO_SEGMENT_COST * outgoing->network->chain.count;
    return virtio_chain_read(&outgoing->network->chain, &cursor, outgoing->network->device.memory,
                             to, packet->bytes - NET_ETHERNET_BYTES);
}

// A driver uses only what it accepted (5.1.6.2.1).
static bool may_use(const struct net_offload *offload, uint64_t features)
{
    unsigned protocol = net_gso_protocol(offload);
    return (!(offload->flags & NET_NEEDS_CHECKSUM) || features & NETWORK_CSUM) &&
           (!(offload->gso_type & NET_GSO_ECN) || features & NETWORK_HOST_ECN) &&
           (protocol != NET_GSO_TCP4 || features & NETWORK_HOST_TSO4) &&
           (protocol != NET_GSO_TCP6 || features & NETWORK_HOST_TSO6);
}

// The last word may begin in the middle of the one before.
static inline void load_start(struct net_packet *packet, const uint8_t *at)
{
    uint8_t *to = (uint8_t *)packet;
    for (unsigned i = 0; i < NET_START_BYTES; i += sizeof(uint64_t)) {
        unsigned offset = MIN(i, (unsigned)(NET_START_BYTES - sizeof(uint64_t)));
        uint64_t word = virtio_load64(at + offset);
        __builtin_memcpy(to + offset, &word, sizeof(word));
    }
}

// Reads the start of the frame in the chain, which mostly is in one piece. False: it is too short,
// or not RAM.
static inline bool read_start(struct virtio_network *network, struct outgoing *outgoing)
{
    const struct virtio_chain *chain = &network->chain;
    struct virtio_memory *memory = network->device.memory;
    struct net_packet *packet = &outgoing->packet;
    if (chain->readable == 1) {
        uint64_t bytes = chain->readable_bytes;
        const uint8_t *at = virtio_memory_at(memory, chain->segments[0].gpa, bytes);
        if (!at || bytes < NET_START_BYTES) {
            return false;
        }
        load_start(packet, at);
        packet->rest = at + NET_START_BYTES;
        return true;
    }
    outgoing->pieces = virtio_chain_readable(chain);
    packet->rest = NULL;
    return virtio_chain_read(chain, &outgoing->pieces, memory, packet, NET_START_BYTES);
}

// False: the frame cannot be sent.
static bool read_headers(struct virtio_network *network, struct outgoing *outgoing)
{
    struct net_packet *packet = &outgoing->packet;
    uint64_t bytes = network->chain.readable_bytes;
    if (bytes > sizeof(packet->offload) + NET_FRAME_BYTES_MAX || !read_start(network, outgoing)) {
        return false;
    }
    packet->bytes = (uint32_t)(bytes - sizeof(packet->offload));
    return net_offload_check(&packet->offload, packet->bytes) &&
           may_use(&packet->offload, network->device.features);
}

// False: the budget is used up before the frame has all its receivers.
static bool send(struct virtio_network *network, struct virtio_network_sending *sending,
                 int64_t *budget)
{
    struct outgoing outgoing;
    struct net_packet *packet = &outgoing.packet;
    outgoing.network = network;
    outgoing.budget = budget;
    packet->copy_pieces = copy_pieces;
    packet->progress = sending->begun ? sending->progress : 0;
    sending->begun = false;
    if (!virtio_network_link_is_up(network)) {
        return true;
    }
    if (!read_headers(network, &outgoing)) {
        network->bad_frames++;
        return true;
    }
    if (network->port->send(network->port, packet, budget)) {
        return true;
    }
    *sending = (struct virtio_network_sending){true, network->chain.head, packet->progress};
    return false;
}

bool network_send(struct virtio_network *network, unsigned queue,
                  const struct virtqueue_rings *rings, int64_t *budget)
{
    struct virtqueue *virtqueue = &network->device.queues[queue];
    struct virtio_network_sending *sending = &network->sending[queue / 2];
    struct virtio_memory *memory = network->device.memory;
    while (*budget > 0) {
        if (sending->begun
                ? !virtqueue_reread(virtqueue, memory, rings, sending->head, &network->chain)
                : !virtqueue_pop(virtqueue, memory, rings, &network->chain)) {
            return false;
        }
        *budget -= NETWORK_FRAME_COST;
        if (send(network, sending, budget)) {
            virtqueue_push(virtqueue, rings, network->chain.head, 0);
        }
    }
    return true;
}
