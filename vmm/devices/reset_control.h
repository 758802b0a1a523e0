// SPDX-License-Identifier: MIT
// The model of the reset control register (0xcf9) of Intel's chip sets.
#pragma once

#include "vmm/util/types.h"

struct irq_line;

#define RESET_CONTROL_PORT 0xcf9
#define RESET_CONTROL_RESET 6 // this value resets the machine

struct reset_control {
    struct irq_line *reset; // raised and lowered again
    uint8_t value;
};

void reset_control_init(struct reset_control *control, struct irq_line *reset);
void reset_control_reset(struct reset_control *control);
uint8_t reset_control_read(const struct reset_control *control);
void reset_control_write(struct reset_control *control, uint8_t value);
