// SPDX-License-Identifier: MIT
// Commands of a driver: which frames it wants, and how many pairs of queues it uses.
#include "vmm/devices/virtio/network_control.h"

#include "vmm/devices/virtio/net_filter.h"
#include "vmm/devices/virtio/net_port.h"
#include "vmm/devices/virtio/virtio_chain.h"
#include "vmm/devices/virtio/virtio_device.h"
#include "vmm/devices/virtio/virtio_network.h"
#include "vmm/devices/virtio/virtqueue.h"

#define COMMAND_COST 4096 // of the budget

enum { CLASS_RX = 0, CLASS_MAC = 1, CLASS_MQ = 4 };
enum { MAC_TABLE_SET = 0 };
enum { MQ_PAIRS_SET = 0 };
enum { ACK_OK = 0, ACK_ERROR = 1 };

// More addresses than this are not read: an error to the driver.
#define MACS_MAX 256

struct command {
    struct virtio_network *network;
    struct virtio_cursor cursor; // what is not read yet
};

static bool take(struct command *command, void *to, uint64_t bytes)
{
    return virtio_chain_read(&command->network->chain, &command->cursor,
                             command->network->device.memory, to, bytes);
}

static bool set_mode(struct command *command, uint8_t mode)
{
    uint32_t *modes = &command->network->filter.modes;
    uint8_t on;
    if (mode >= NET_FILTER_MODES || !take(command, &on, sizeof(on))) {
        return false;
    }
    *modes = on ? *modes | (uint32_t)BIT(mode) : *modes & ~(uint32_t)BIT(mode);
    return true;
}

// A table: how many, and then the addresses.
static bool read_table(struct command *command, struct net_filter *filter)
{
    uint32_t count;
    uint8_t mac[NET_MAC_BYTES];
    if (!take(command, &count, sizeof(count)) || count > MACS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!take(command, mac, sizeof(mac))) {
            return false;
        }
        net_filter_add(filter, net_mac(mac));
    }
    return true;
}

// Two tables, of single and of group addresses. The old ones stay if the new ones are incomplete.
static bool set_table(struct command *command)
{
    struct net_filter filter = command->network->filter;
    net_filter_clear(&filter);
    if (!read_table(command, &filter) || !read_table(command, &filter)) {
        return false;
    }
    command->network->filter = filter;
    return true;
}

static bool set_pairs(struct command *command)
{
    struct virtio_network *network = command->network;
    uint16_t pairs;
    if (!(network->device.features & NETWORK_MQ) || !take(command, &pairs, sizeof(pairs)) ||
        pairs == 0 || pairs > network->config.max_virtqueue_pairs) {
        return false;
    }
    network->pairs = pairs;
    return true;
}

static bool obey(struct virtio_network *network)
{
    struct command command = {network, virtio_chain_readable(&network->chain)};
    uint8_t header[2]; // class and command
    if (!take(&command, header, sizeof(header))) {
        return false;
    }
    switch (header[0]) {
    case CLASS_RX:
        return set_mode(&command, header[1]);
    case CLASS_MAC:
        return header[1] == MAC_TABLE_SET && set_table(&command);
    case CLASS_MQ:
        return header[1] == MQ_PAIRS_SET && set_pairs(&command);
    default:
        return false;
    }
}

bool network_control(struct virtio_network *network, unsigned queue,
                     const struct virtqueue_rings *rings, int64_t *budget)
{
    struct virtqueue *virtqueue = &network->device.queues[queue];
    struct virtio_chain *chain = &network->chain;
    while (*budget > 0) {
        if (!virtqueue_pop(virtqueue, network->device.memory, rings, chain)) {
            return false;
        }
        uint8_t ack = obey(network) ? ACK_OK : ACK_ERROR;
        struct virtio_cursor cursor = virtio_chain_writable(chain);
        *budget -= COMMAND_COST;
        if (!virtio_chain_write(chain, &cursor, network->device.memory, &ack, sizeof(ack))) {
            virtqueue->broken = true;
            return false;
        }
        virtqueue_push(virtqueue, rings, chain->head, sizeof(ack));
    }
    return true;
}
