// SPDX-License-Identifier: MIT
// The port instructions ask the device of the test.
#include "tests/host/fake_ports.h"

#include "arch/x86/io.h"
#include "vmm/util/types.h"

struct fake_ports fake_ports;

uint8_t inb(uint16_t port)
{
    return fake_ports.read ? fake_ports.read(port) : UINT8_MAX;
}

void outb(uint16_t port, uint8_t value)
{
    if (fake_ports.write) {
        fake_ports.write(port, value);
    }
}
