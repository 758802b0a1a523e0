// SPDX-License-Identifier: MIT
// The I/O port instructions for host tests: they reach the device of fake_ports.h.
#pragma once

#include "vmm/util/types.h"

uint8_t inb(uint16_t port);
void outb(uint16_t port, uint8_t value);
