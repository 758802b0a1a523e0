// SPDX-License-Identifier: MIT
// Finds the ports that a frame goes to, and fills a place in the ring of each.
#include "vmm/net/net_switch.h"

#include "vmm/net/switch_table.h"
#include "vmm/util/nanoseconds.h"

#define FLOOD_STEP_NS (NS_PER_S / SWITCH_FLOODS_PER_SECOND)

static uint64_t now_ns(const struct net_switch *net_switch)
{
    return net_switch->output->now_ns(net_switch->output);
}

// A place for the frame at a port, with the lock held. NULL: there is no room. A sender may hold as
// much as is free then. So one that floods leaves half of the ring to others, and two a third.
static inline struct net_frame *reserve(const struct switch_port *from, struct switch_port *to,
                                        uint32_t bytes)
{
    uint32_t *held = &to->held[from->number];
    struct net_frame *frame =
        packet_ring_reserve(&to->ring, bytes, __atomic_load_n(held, __ATOMIC_RELAXED));
    if (!frame) {
        to->counters.full++;
        return NULL;
    }
    frame->sender = from->number;
    __atomic_add_fetch(held, packet_ring_span(bytes), __ATOMIC_RELAXED);
    to->counters.received_frames++;
    to->counters.received_bytes += bytes;
    __atomic_add_fetch(&to->writers, 1, __ATOMIC_RELAXED);
    return frame;
}

// The frame no longer counts as held by its sender.
static inline void let_go(struct switch_port *to, const struct net_frame *frame)
{
    uint32_t span = packet_ring_span(frame->bytes);
    __atomic_sub_fetch(&to->held[frame->sender], span, __ATOMIC_RELAXED);
}

// Without the lock: the place is this CPU's.
static inline void fill(struct switch_port *from, struct switch_port *to, struct net_frame *frame,
                        struct net_packet *packet, int64_t *budget)
{
    struct switch_output *output = to->owner->output;
    frame->offload = packet->offload;
    __builtin_memcpy(frame->data, packet->ethernet, NET_ETHERNET_BYTES);
    bool good = net_packet_copy_rest(packet, frame->data + NET_ETHERNET_BYTES);
    if (!good) {
        from->counters.lost++;
        let_go(to, frame);
    }
    *budget -= packet->bytes;
    if (packet_ring_commit(&to->ring, frame, good)) {
        output->wake(output, to);
    }
    __atomic_sub_fetch(&to->writers, 1, __ATOMIC_RELEASE);
}

// Whether the port may flood one more frame. The allowance grows with time.
static bool take_flood(struct switch_port *port)
{
    uint64_t now = now_ns(port->owner);
    uint64_t grown = (MAX(now, port->flooded_ns) - port->flooded_ns) / FLOOD_STEP_NS;
    port->flooded_ns += grown * FLOOD_STEP_NS;
    port->may_flood = (uint32_t)MIN(port->may_flood + grown, SWITCH_FLOOD_BURST);
    if (port->may_flood == 0) {
        port->counters.floods++;
        return false;
    }
    port->may_flood--;
    return true;
}

// To all other ports. packet->progress is 0 at first, then the number of the next port + 1.
static bool flood(struct switch_port *from, struct net_packet *packet, int64_t *budget)
{
    struct net_switch *net_switch = from->owner;
    if (packet->progress == 0) {
        if (!take_flood(from)) {
            return true;
        }
        packet->progress = 1;
    }
    for (; packet->progress <= SWITCH_PORTS_MAX; packet->progress++) {
        if (*budget <= 0) {
            return false;
        }
        lock_take(&net_switch->lock);
        struct switch_port *to = net_switch->ports[packet->progress - 1];
        struct net_frame *frame = to && to != from ? reserve(from, to, packet->bytes) : NULL;
        lock_give(&net_switch->lock);
        if (frame) {
            fill(from, to, frame, packet, budget);
        }
    }
    return true;
}

// Whether a frame may come from the port. What a promiscuous port sends from is learned. With the
// lock held.
static bool check_source(struct switch_port *from, uint64_t mac)
{
    struct net_switch *net_switch = from->owner;
    if (mac == from->mac) {
        return true;
    }
    if (!from->promiscuous || net_mac_is_group(mac) || switch_table_owner(net_switch, mac)) {
        from->counters.spoofed++;
        return false;
    }
    switch_table_learn(net_switch, mac, from->number, now_ns(net_switch));
    return true;
}

// A frame that goes on was read again, and its source may be another one now.
static bool port_send(struct net_port *port, struct net_packet *packet, int64_t *budget)
{
    struct switch_port *from = container_of(port, struct switch_port, port);
    struct net_switch *net_switch = from->owner;
    bool goes_on = packet->progress > 0;
    struct net_frame *frame = NULL;
    if (!goes_on) {
        from->counters.sent_frames++;
        from->counters.sent_bytes += packet->bytes;
    }
    lock_take(&net_switch->lock);
    bool allowed = check_source(from, net_mac(packet->ethernet + NET_MAC_BYTES));
    struct switch_port *to =
        allowed && !goes_on ? switch_table_find(net_switch, net_mac(packet->ethernet)) : NULL;
    if (to && to != from) {
        frame = reserve(from, to, packet->bytes);
    }
    lock_give(&net_switch->lock);
    if (frame) {
        fill(from, to, frame, packet, budget);
    }
    return !allowed || to || flood(from, packet, budget);
}

static struct net_frame *port_next(struct net_port *port)
{
    return packet_ring_next(&container_of(port, struct switch_port, port)->ring);
}

static void port_release(struct net_port *port, struct net_frame *frame)
{
    struct switch_port *to = container_of(port, struct switch_port, port);
    let_go(to, frame);
    packet_ring_release(&to->ring);
}

void net_switch_init(struct net_switch *net_switch, struct switch_output *output)
{
    *net_switch = (struct net_switch){.output = output};
}

static int free_number(const struct net_switch *net_switch)
{
    for (int i = 0; i < SWITCH_PORTS_MAX; i++) {
        if (!net_switch->ports[i]) {
            return i;
        }
    }
    return -1;
}

bool net_switch_add(struct net_switch *net_switch, struct switch_port *port, uint64_t mac,
                    bool promiscuous, void *ring, uint32_t ring_bytes)
{
    lock_take(&net_switch->lock);
    int number = switch_table_owner(net_switch, mac) ? -1 : free_number(net_switch);
    if (number >= 0) {
        *port = (struct switch_port){
            .port = {port_send, port_next, port_release},
            .owner = net_switch,
            .mac = mac,
            .flooded_ns = now_ns(net_switch),
            .may_flood = SWITCH_FLOOD_BURST,
            .promiscuous = promiscuous,
            .number = (uint8_t)number,
        };
        packet_ring_init(&port->ring, ring, ring_bytes);
        net_switch->ports[number] = port;
        switch_table_rebuild(net_switch);
    }
    lock_give(&net_switch->lock);
    return number >= 0;
}

void net_switch_remove(struct switch_port *port)
{
    struct net_switch *net_switch = port->owner;
    lock_take(&net_switch->lock);
    net_switch->ports[port->number] = NULL;
    switch_table_rebuild(net_switch);
    lock_give(&net_switch->lock);
}

bool net_switch_is_idle(const struct switch_port *port)
{
    return __atomic_load_n(&port->writers, __ATOMIC_ACQUIRE) == 0;
}
