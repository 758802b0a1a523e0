// SPDX-License-Identifier: MIT
// Two simple ports: the debug console of emulators (0xe9) and the POST code (0x80).
#pragma once

#include "vmm/util/types.h"

struct byte_sink;

#define DEBUG_PORT_SIGNATURE 0xe9 // the port reads this, so that guests find it

struct debug_port {
    struct byte_sink *sink;
    uint64_t lost; // bytes that the sink had no room for: the port has no way to say "wait"
};

void debug_port_init(struct debug_port *port, struct byte_sink *sink);
uint8_t debug_port_read(const struct debug_port *port);
void debug_port_write(struct debug_port *port, uint8_t value);

// A latch. A BIOS writes its progress here; Linux writes here for a short delay.
struct post_port {
    uint8_t code;
};

void post_port_init(struct post_port *port);
uint8_t post_port_read(const struct post_port *port);
void post_port_write(struct post_port *port, uint8_t value);
