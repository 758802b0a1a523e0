// SPDX-License-Identifier: MIT
// A port whose frames have memory of their own, so that ASan sees what lies beyond them.
#include "tests/host/devices/fake_port.h"

#include <stdlib.h>
#include <string.h>

static bool send(struct net_port *port, struct net_packet *packet, int64_t *budget)
{
    struct fake_port *fake = container_of(port, struct fake_port, port);
    if (fake->refuses > 0) {
        fake->refuses--;
        packet->progress++;
        *budget = 0;
        return false;
    }
    *budget -= packet->bytes;
    fake->last = *packet;
    memcpy(fake->bytes, packet->ethernet, NET_ETHERNET_BYTES);
    if (net_packet_copy_rest(packet, fake->bytes + NET_ETHERNET_BYTES)) {
        fake->sent++;
    } else {
        fake->lost++;
    }
    return true;
}

static struct net_frame *next(struct net_port *port)
{
    struct fake_port *fake = container_of(port, struct fake_port, port);
    return fake->head == fake->tail ? NULL : fake->frames[fake->head % FAKE_PORT_FRAMES];
}

static void release(struct net_port *port, struct net_frame *frame)
{
    struct fake_port *fake = container_of(port, struct fake_port, port);
    if (fake->head == fake->tail || frame != fake->frames[fake->head % FAKE_PORT_FRAMES]) {
        abort();
    }
    fake->head++;
    free(frame);
}

void fake_port_init(struct fake_port *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->port = (struct net_port){send, next, release};
}

void fake_port_tear_down(struct fake_port *fake)
{
    while (fake_port_waiting(fake) > 0) {
        release(&fake->port, next(&fake->port));
    }
}

struct net_frame *fake_port_add(struct fake_port *fake, uint32_t bytes)
{
    struct net_frame *frame = calloc(1, sizeof(*frame) + bytes);
    if (!frame || fake_port_waiting(fake) == FAKE_PORT_FRAMES) {
        abort();
    }
    frame->bytes = bytes;
    frame->offload.num_buffers = 1;
    fake->frames[fake->tail++ % FAKE_PORT_FRAMES] = frame;
    return frame;
}

unsigned fake_port_waiting(const struct fake_port *fake)
{
    return fake->tail - fake->head;
}
