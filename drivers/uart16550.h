// SPDX-License-Identifier: MIT
// The 16550 UART as a serial line, with rings in both directions. Pure: it knows its registers
// only.
#pragma once

#include "drivers/uart16550_registers.h"
#include "vmm/util/types.h"

#define UART16550_RECEIVE_BYTES 4096
#define UART16550_SEND_BYTES 16384
#define UART16550_CLOCK_HZ 1843200 // a PC's
#define UART16550_CLOCKS_PER_BIT 16

// Heads and tails run freely; head - tail is what a ring holds.
struct uart16550 {
    struct uart16550_registers registers;
    bool present;
    unsigned divisor; // the rate is the chip's clock / 16 / divisor
    unsigned fifo_characters;
    uint8_t interrupts;   // what its interrupt enable register holds; 0: it is polled
    bool interrupts_come; // else reading polls, whatever was asked for
    bool stuck;           // it did not send for long: nobody waits for it again until it does
    uint64_t lost;        // characters lost on the way in: by the chip, and by a full ring
    uint32_t receive_head;
    uint32_t receive_tail;
    uint32_t send_head;
    uint32_t send_tail;
    uint8_t receive[UART16550_RECEIVE_BYTES];
    char send[UART16550_SEND_BYTES];
};

// All of these are called with interrupts off. One on a chip that is not present does nothing.

// Looks for a UART behind `registers` and sets it to 8N1 with FIFOs, without interrupts. `divisor`
// 0: as it is set. False: there is none.
bool uart16550_init(struct uart16550 *uart, const struct uart16550_registers *registers,
                    unsigned divisor);
// Changes the rate, when what was written has been sent. 1 to 65535.
void uart16550_set_divisor(struct uart16550 *uart, unsigned divisor);
// From now on its interrupt is routed. Until the first one comes it works by polling all the same.
void uart16550_enable_interrupts(struct uart16550 *uart);

// All of these on the CPU that takes the interrupt (0), but uart16550_write_sync.
// Takes as many characters as there is room for, does not wait, returns how many.
size_t uart16550_write(struct uart16550 *uart, const char *text, size_t length);
size_t uart16550_room(struct uart16550 *uart);
// The next character that came in, -1 if there is none.
int uart16550_read(struct uart16550 *uart);
// Call it from the handler of the UART's interrupt. Whether this UART had one: where several share
// an edge-triggered input, all of them must be without one at the same time.
bool uart16550_interrupt(struct uart16550 *uart);
// Waits until everything is on the wire, for a bounded time.
void uart16550_flush(struct uart16550 *uart);

// For panics: sends what is in the ring and then `text`, by polling; needs no interrupt or lock.
void uart16550_write_sync(struct uart16550 *uart, const char *text, size_t length);
