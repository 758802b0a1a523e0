// SPDX-License-Identifier: MIT
// The other end of a network device's cable, for tests: remembers what is sent, and has frames to
// receive.
#pragma once

#include "vmm/devices/virtio/net_port.h"
#include "vmm/util/types.h"

#define FAKE_PORT_FRAMES 8

struct fake_port {
    struct net_port port;
    unsigned sent;
    unsigned lost;    // what could not be copied
    unsigned refuses; // so often `send` says that the budget is used up
    struct net_packet last;
    uint8_t bytes[NET_FRAME_BYTES_MAX]; // of the last frame
    struct net_frame *frames[FAKE_PORT_FRAMES];
    unsigned head;
    unsigned tail;
};

void fake_port_init(struct fake_port *fake);
// Frees what was not received.
void fake_port_tear_down(struct fake_port *fake);

// Memory for a frame of `bytes` bytes that waits to be received. The caller fills it.
struct net_frame *fake_port_add(struct fake_port *fake, uint32_t bytes);
unsigned fake_port_waiting(const struct fake_port *fake);
