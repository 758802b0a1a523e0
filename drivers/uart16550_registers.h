// SPDX-License-Identifier: MIT
// The way to a 16550's eight registers: at ports or in memory.
#pragma once

#include "vmm/util/types.h"

#define UART16550_REGISTERS 8

// `which` is below UART16550_REGISTERS. Tests embed this structure in a chip of their own.
struct uart16550_registers {
    uint8_t (*read)(const struct uart16550_registers *registers, unsigned which);
    void (*write)(const struct uart16550_registers *registers, unsigned which, uint8_t value);
    uint16_t port;            // at ports: of the first register
    volatile uint8_t *memory; // in memory: the first register
    uint8_t stride;           // in memory: bytes from one register to the next, 1 to 4
    uint8_t access_bytes;     // in memory: bytes of an access (1, 2 or 4), at most `stride`
};

struct uart16550_registers uart16550_at_port(uint16_t port);
struct uart16550_registers uart16550_in_memory(volatile void *memory, uint8_t stride,
                                               uint8_t access_bytes);
