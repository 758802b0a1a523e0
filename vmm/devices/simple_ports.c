// SPDX-License-Identifier: MIT
// The debug console port and the POST code port.
#include "vmm/devices/simple_ports.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

uint8_t debug_port_read(const struct debug_port *port)
{
    (void)port;
    return DEBUG_PORT_SIGNATURE;
}

void debug_port_write(struct debug_port *port, uint8_t value)
{
    if (!byte_sink_put(port->sink, value)) {
        port->lost++;
    }
}

void debug_port_init(struct debug_port *port, struct byte_sink *sink)
{
    *port = (struct debug_port){.sink = sink};
}

uint8_t post_port_read(const struct post_port *port)
{
    return port->code;
}

void post_port_write(struct post_port *port, uint8_t value)
{
    port->code = value;
}

void post_port_init(struct post_port *port)
{
    port->code = 0;
}
