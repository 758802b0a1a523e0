// SPDX-License-Identifier: MIT
// The model of system control port A (0x92): fast A20 and fast reset.
#pragma once

#include "vmm/util/types.h"

struct irq_line;

struct system_port {
    struct irq_line *reset; // raised and lowered again
    uint8_t value;
};

void system_port_init(struct system_port *port, struct irq_line *reset);
void system_port_reset(struct system_port *port);
uint8_t system_port_read(const struct system_port *port);
void system_port_write(struct system_port *port, uint8_t value);
