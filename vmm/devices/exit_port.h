// SPDX-License-Identifier: MIT
// The port (0xf4) by which a guest ends its VM: the written value is the VM's exit status.
#pragma once

#include "vmm/util/types.h"

struct exit_output {
    void (*exit)(struct exit_output *output, uint32_t status);
};

struct exit_port {
    struct exit_output *output;
};

void exit_port_init(struct exit_port *port, struct exit_output *output);
// Only the lowest `width` bytes of `value` count. `width` is 1, 2 or 4; any other is taken as 4.
void exit_port_write(struct exit_port *port, unsigned width, uint32_t value);
