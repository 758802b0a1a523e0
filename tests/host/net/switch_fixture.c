// SPDX-License-Identifier: MIT
// Ports that send and receive frames of one byte's value.
#include "tests/host/net/switch_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/devices/virtio/net_port.h"

struct lan lan;
static alignas(64) uint8_t rings[SWITCH_PORTS_MAX][LAN_RING_BYTES];

static uint64_t now_ns(struct switch_output *output)
{
    (void)output;
    return lan.now_ns;
}

static void wake(struct switch_output *output, struct switch_port *port)
{
    (void)output;
    __atomic_add_fetch(&lan.wakes[port - lan.ports], 1, __ATOMIC_RELAXED);
}

uint64_t lan_mac(unsigned port)
{
    return 0x010000000002 + ((uint64_t)port << 40);
}

bool lan_add(unsigned port, uint64_t mac, bool promiscuous)
{
    return net_switch_add(&lan.net_switch, &lan.ports[port], mac, promiscuous, rings[port],
                          LAN_RING_BYTES);
}

void lan_set_up(void)
{
    memset(&lan, 0, sizeof(lan));
    lan.output = (struct switch_output){now_ns, wake};
    lan.now_ns = 1;
    net_switch_init(&lan.net_switch, &lan.output);
    for (unsigned i = 0; i < LAN_PORTS; i++) {
        if (!lan_add(i, lan_mac(i), false)) {
            abort();
        }
    }
}

static bool copy(struct net_packet *packet, uint8_t *to)
{
    memset(to, (int)(packet->bytes & 0xff), packet->bytes - NET_ETHERNET_BYTES);
    return true;
}

bool lan_send(unsigned port, uint64_t to, uint64_t from, uint32_t bytes)
{
    struct net_packet packet = {.bytes = bytes, .copy_pieces = copy};
    int64_t budget = 1 * MIB;
    for (unsigned i = 0; i < NET_MAC_BYTES; i++) {
        packet.ethernet[i] = (uint8_t)(to >> 8 * i);
        packet.ethernet[NET_MAC_BYTES + i] = (uint8_t)(from >> 8 * i);
    }
    return lan.ports[port].port.send(&lan.ports[port].port, &packet, &budget);
}

uint32_t lan_take(unsigned port)
{
    struct net_port *end = &lan.ports[port].port;
    struct net_frame *frame = end->next(end);
    if (!frame) {
        return 0;
    }
    uint32_t bytes = frame->bytes;
    for (uint32_t i = NET_ETHERNET_BYTES; i < bytes; i++) {
        if (frame->data[i] != (bytes & 0xff)) {
            abort();
        }
    }
    end->release(end, frame);
    return bytes;
}
