// SPDX-License-Identifier: MIT
// A 16550's registers, accessed by port instructions or in memory.
#include "drivers/uart16550_registers.h"
#include "arch/x86/io.h"

static uint8_t read_port(const struct uart16550_registers *registers, unsigned which)
{
    return inb((uint16_t)(registers->port + which));
}

static void write_port(const struct uart16550_registers *registers, unsigned which, uint8_t value)
{
    outb((uint16_t)(registers->port + which), value);
}

static uint8_t read_memory(const struct uart16550_registers *registers, unsigned which)
{
    volatile uint8_t *at = registers->memory + (size_t)which * registers->stride;
    switch (registers->access_bytes) {
    case sizeof(uint32_t):
        return (uint8_t) * (volatile uint32_t *)(volatile void *)at;
    case sizeof(uint16_t):
        return (uint8_t) * (volatile uint16_t *)(volatile void *)at;
    default:
        return *at;
    }
}

static void write_memory(const struct uart16550_registers *registers, unsigned which, uint8_t value)
{
    volatile uint8_t *at = registers->memory + (size_t)which * registers->stride;
    switch (registers->access_bytes) {
    case sizeof(uint32_t):
        *(volatile uint32_t *)(volatile void *)at = value;
        break;
    case sizeof(uint16_t):
        *(volatile uint16_t *)(volatile void *)at = value;
        break;
    default:
        *at = value;
    }
}

struct uart16550_registers uart16550_at_port(uint16_t port)
{
    return (struct uart16550_registers){.read = read_port, .write = write_port, .port = port};
}

struct uart16550_registers uart16550_in_memory(volatile void *memory, uint8_t stride,
                                               uint8_t access_bytes)
{
    return (struct uart16550_registers){.read = read_memory,
                                        .write = write_memory,
                                        .memory = memory,
                                        .stride = stride,
                                        .access_bytes = access_bytes};
}
