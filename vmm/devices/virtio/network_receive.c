// SPDX-License-Identifier: MIT
// Puts the port's frames into the buffers of the driver, in the form that it can take.
#include "vmm/devices/virtio/network_receive.h"

#include "vmm/devices/virtio/net_cut.h"
#include "vmm/devices/virtio/net_filter.h"
#include "vmm/devices/virtio/net_offload.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_memory.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtqueue.h"
#include "vmm/util/string.h"

struct piece {
    const uint8_t *at;
    uint32_t bytes;
};

// What goes into the buffers, one piece behind the other: the offload header first.
struct incoming {
    struct piece pieces[3];
    struct piece *next;
    uint32_t left; // bytes of all
};

// The queue at work, and how much of it one frame took.
struct target {
    struct virtio_network *network;
    struct virtqueue *queue;
    const struct virtqueue_rings *rings;
    int64_t *budget;
    unsigned buffers;
    uint8_t *count[2]; // where num_buffers lies: its two bytes
};

// What became of a frame: it is delivered or dropped; it waits for buffers, or for the next turn;
// the queue is broken.
enum verdict { VERDICT_DONE, VERDICT_WAIT, VERDICT_TURN, VERDICT_BROKEN };

// Fills the writable part of the chain, or all that is left. False: the place is not RAM.
static bool fill_chain(struct target *target, struct incoming *incoming)
{
    const struct virtio_chain *chain = &target->network->chain;
    struct virtio_cursor cursor = virtio_chain_writable(chain);
    uint64_t room = MIN(chain->writable_bytes, incoming->left);
    incoming->left -= (uint32_t)room;
    *target->budget -= VIRTIO_SEGMENT_COST * chain->count;
    while (room > 0) {
        struct piece *piece = incoming->next;
        uint32_t bytes = (uint32_t)MIN(room, piece->bytes);
        if (!virtio_chain_write(chain, &cursor, target->network->device.memory, piece->at, bytes)) {
            return false;
        }
        room -= bytes;
        piece->at += bytes;
        piece->bytes -= bytes;
        incoming->next += piece->bytes == 0;
    }
    return true;
}

// The same for a whole frame in one segment, as most are.
static bool fill_segment(const struct target *target, struct incoming *incoming)
{
    const struct virtio_chain *chain = &target->network->chain;
    const struct piece *pieces = incoming->pieces;
    uint8_t *to = virtio_memory_at(target->network->device.memory,
                                   chain->segments[chain->readable].gpa, incoming->left);
    if (!to) {
        return false;
    }
    __builtin_memcpy(to, pieces[0].at, sizeof(struct net_offload));
    memcpy(to + sizeof(struct net_offload), pieces[1].at, pieces[1].bytes);
    if (pieces[2].bytes > 0) {
        memcpy(to + sizeof(struct net_offload) + pieces[1].bytes, pieces[2].at, pieces[2].bytes);
    }
    incoming->left = 0;
    return true;
}

// The number of buffers is known last, but lies in the first. False: not in RAM.
static bool find_count(struct target *target)
{
    const struct virtio_chain *chain = &target->network->chain;
    struct virtio_cursor cursor = virtio_chain_writable(chain);
    virtio_chain_skip(chain, &cursor, offsetof(struct net_offload, num_buffers));
    for (unsigned i = 0; i < 2; i++) {
        uint64_t bytes = 1;
        target->count[i] =
            virtio_chain_piece(chain, &cursor, target->network->device.memory, &bytes);
        if (!target->count[i]) {
            return false;
        }
    }
    return true;
}

// The first segment takes all of the frame.
static bool is_simple(const struct target *target, const struct incoming *incoming)
{
    const struct virtio_chain *chain = &target->network->chain;
    return target->buffers == 0 && chain->readable < chain->count &&
           chain->segments[chain->readable].bytes >= incoming->left;
}

// Another buffer for the same frame.
static enum verdict take_buffer(struct target *target, struct incoming *incoming)
{
    struct virtio_chain *chain = &target->network->chain;
    if (!virtqueue_pop(target->queue, target->network->device.memory, target->rings, chain)) {
        return target->queue->broken ? VERDICT_BROKEN : VERDICT_WAIT;
    }
    uint32_t before = incoming->left;
    if (is_simple(target, incoming) ? !fill_segment(target, incoming)
                                    : !fill_chain(target, incoming)) {
        return VERDICT_BROKEN;
    }
    if (target->buffers == 0 && incoming->left > 0 && !find_count(target)) {
        return VERDICT_BROKEN;
    }
    virtqueue_put(target->queue, target->rings, chain->head, before - incoming->left);
    target->buffers++;
    return VERDICT_DONE;
}

// Takes as many buffers as the frame needs; without MRG_RXBUF one (5.1.6.4). While there are too
// few the frame waits. A frame that fits into nothing that the driver can offer is dropped.
static enum verdict deliver(struct target *target, struct incoming *incoming)
{
    bool merges = target->network->device.features & NETWORK_MRG_RXBUF;
    unsigned limit = merges ? target->queue->entries : 1;
    target->buffers = 0;
    while (incoming->left > 0 && target->buffers < limit) {
        enum verdict verdict = take_buffer(target, incoming);
        if (verdict != VERDICT_DONE) {
            virtqueue_take_back(target->queue, target->buffers, target->buffers);
            return verdict;
        }
    }
    if (incoming->left > 0) {
        virtqueue_take_back(target->queue, target->buffers, target->buffers);
        return VERDICT_DONE;
    }
    if (target->buffers > 1) {
        *target->count[0] = (uint8_t)target->buffers;
        *target->count[1] = (uint8_t)(target->buffers >> 8);
    }
    virtqueue_show(target->queue, target->rings);
    return VERDICT_DONE;
}

static enum verdict deliver_whole(struct target *target, struct net_frame *frame, int64_t *budget)
{
    struct incoming incoming = {
        .pieces = {{(const uint8_t *)&frame->offload, sizeof(frame->offload)},
                   {frame->data, frame->bytes},
                   {NULL, 0}},
        .next = incoming.pieces,
        .left = sizeof(frame->offload) + frame->bytes,
    };
    if (frame->offload.flags && !(target->network->device.features & NETWORK_GUEST_CSUM)) {
        net_offload_finish_checksum(frame);
        frame->offload = (struct net_offload){.num_buffers = 1};
    }
    *budget -= frame->bytes;
    return deliver(target, &incoming);
}

// `network->segment` is the first segment that the driver does not have.
static enum verdict deliver_cut(struct target *target, const struct net_frame *frame,
                                int64_t *budget)
{
    static const struct net_offload nothing_left = {.num_buffers = 1};
    struct virtio_network *network = target->network;
    struct net_cut cut;
    struct net_segment segment;
    if (!net_cut_plan(frame, &cut)) {
        return VERDICT_DONE;
    }
    for (; network->segment < cut.count; network->segment++) {
        if (*budget <= 0) {
            return VERDICT_TURN;
        }
        net_cut_segment(frame, &cut, network->segment, &segment);
        struct incoming incoming = {
            .pieces = {{(const uint8_t *)&nothing_left, sizeof(nothing_left)},
                       {segment.headers, cut.headers},
                       {segment.payload, segment.payload_bytes}},
            .next = incoming.pieces,
            .left = sizeof(nothing_left) + cut.headers + segment.payload_bytes,
        };
        *budget -= NETWORK_FRAME_COST + segment.payload_bytes;
        enum verdict verdict = deliver(target, &incoming);
        if (verdict != VERDICT_DONE) {
            return verdict;
        }
    }
    return VERDICT_DONE;
}

static bool takes_long(const struct net_frame *frame, uint64_t features)
{
    uint8_t type = frame->offload.gso_type;
    uint64_t needed =
        net_gso_protocol(&frame->offload) == NET_GSO_TCP6 ? NETWORK_GUEST_TSO6 : NETWORK_GUEST_TSO4;
    needed |= NETWORK_GUEST_CSUM | (type & NET_GSO_ECN ? NETWORK_GUEST_ECN : 0);
    return (features & needed) == needed;
}

// Frames of one connection go to one queue: it is chosen by what lies at the place of IP addresses
// and ports (5.1.6.5.5).
static unsigned choose_queue(const struct virtio_network *network, const struct net_frame *frame)
{
    uint64_t addresses;
    uint32_t ports;
    if (network->pairs == 1 || frame->bytes < 38) {
        return 0;
    }
    memcpy(&addresses, frame->data + 26, sizeof(addresses));
    memcpy(&ports, frame->data + 34, sizeof(ports));
    uint64_t hash = (addresses ^ ports) * 0x9e3779b97f4a7c15;
    unsigned queue = 2 * (unsigned)((hash >> 32) % network->pairs);
    return network->device.queues[queue].enabled ? queue : 0;
}

static enum verdict receive_frame(struct target *target, struct net_frame *frame, int64_t *budget)
{
    struct virtio_network *network = target->network;
    *budget -= NETWORK_FRAME_COST;
    if (!virtio_network_link_is_up(network) ||
        !net_filter_wants(&network->filter, net_mac(frame->data))) {
        return VERDICT_DONE;
    }
    if (frame->offload.gso_type != NET_GSO_NONE && !takes_long(frame, network->device.features)) {
        return deliver_cut(target, frame, budget);
    }
    return deliver_whole(target, frame, budget);
}

bool network_receive(struct virtio_network *network, unsigned queue,
                     const struct virtqueue_rings *rings, int64_t *budget)
{
    struct net_port *port = network->port;
    struct target target = {network,     &network->device.queues[queue], rings, budget, 0,
                            {NULL, NULL}};
    while (*budget > 0) {
        struct net_frame *frame = port->next(port);
        if (!frame) {
            return false;
        }
        unsigned chosen = choose_queue(network, frame);
        if (chosen != queue) {
            network->device.pending |= 1U << chosen;
            return false;
        }
        enum verdict verdict = receive_frame(&target, frame, budget);
        if (verdict == VERDICT_BROKEN) {
            target.queue->broken = true;
        }
        if (verdict != VERDICT_DONE) {
            return verdict == VERDICT_TURN;
        }
        port->release(port, frame);
        network->segment = 0;
    }
    return true;
}
