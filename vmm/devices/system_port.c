// SPDX-License-Identifier: MIT
// The model of system control port A.
#include "vmm/devices/system_port.h"

#include "vmm/devices/device.h"
#include "vmm/util/types.h"

enum system_port_bits { FAST_RESET = BIT(0), FAST_A20 = BIT(1) };

uint8_t system_port_read(const struct system_port *port)
{
    return port->value;
}

// A20 is remembered but has no effect: no VM has its address line 20 tied to 0.
void system_port_write(struct system_port *port, uint8_t value)
{
    bool reset = (value & ~port->value & FAST_RESET) != 0;
    port->value = value;
    if (!reset) {
        return;
    }
    irq_line_set(port->reset, true);
    irq_line_set(port->reset, false);
}

void system_port_reset(struct system_port *port)
{
    port->value = FAST_A20;
}

void system_port_init(struct system_port *port, struct irq_line *reset)
{
    *port = (struct system_port){.reset = reset};
    system_port_reset(port);
}
