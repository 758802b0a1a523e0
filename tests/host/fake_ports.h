// SPDX-License-Identifier: MIT
// The machine's I/O ports in host tests. At first there is no device at any of them.
#pragma once

#include "vmm/util/types.h"

// What answers at the ports; NULL: nothing.
struct fake_ports {
    uint8_t (*read)(uint16_t port);
    void (*write)(uint16_t port, uint8_t value);
};

extern struct fake_ports fake_ports;
