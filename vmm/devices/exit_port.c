// SPDX-License-Identifier: MIT
// The port by which a guest ends its VM.
#include "vmm/devices/exit_port.h"

void exit_port_write(struct exit_port *port, unsigned width, uint32_t value)
{
    if (width == 1) {
        value = (uint8_t)value;
    } else if (width == 2) {
        value = (uint16_t)value;
    }
    port->output->exit(port->output, value);
}

void exit_port_init(struct exit_port *port, struct exit_output *output)
{
    port->output = output;
}
