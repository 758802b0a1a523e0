// SPDX-License-Identifier: MIT
// The model of a 16550A UART (National PC16550D data sheet), a PC's COM1 at 0x3f8.
#pragma once

#include "vmm/util/types.h"

struct byte_sink;
struct irq_line;

#define UART_PORTS 8
#define UART_FIFO_BYTES 16

struct uart_fifo {
    uint8_t bytes[UART_FIFO_BYTES];
    uint8_t head; // the oldest byte
    uint8_t count;
};

struct uart {
    struct irq_line *line;
    struct byte_sink *sink;
    struct uart_fifo receive;
    struct uart_fifo transmit; // bytes that the sink has not taken yet; normally empty
    uint8_t ier;
    uint8_t fcr;
    uint8_t lcr;
    uint8_t mcr;
    uint8_t msr;
    uint8_t scr;
    uint8_t divisor[2];
    bool overrun;             // LSR bit 1
    bool transmitter_emptied; // the THRE interrupt is pending
    bool line_level;          // the last level that `line` was set to
};

void uart_init(struct uart *uart, struct irq_line *line, struct byte_sink *sink);
void uart_reset(struct uart *uart);

// `offset` counts from the first port, 0 to 7. Others read 0xff and ignore writes.
uint8_t uart_read(struct uart *uart, unsigned offset);
void uart_write(struct uart *uart, unsigned offset, uint8_t value);

// A byte arrives on the line. False: the receiver has no room, or is in loopback. Offer the byte
// again when uart_receive_room() is not 0; nothing is lost.
MUST_CHECK bool uart_receive(struct uart *uart, uint8_t byte);
unsigned uart_receive_room(const struct uart *uart);
// How many bytes an empty receiver gets before it must interrupt: as many as its trigger level
// says. 0: the receiver is not empty, or is in loopback.
unsigned uart_receive_batch(const struct uart *uart);
// Whether the next byte that arrives interrupts, and no earlier one does.
bool uart_awaits_byte(const struct uart *uart);
// How long a character takes on the line, with its start, parity and stop bits. The divisor 0, for
// which the data sheet gives no rate, counts as 1.
uint64_t uart_character_ns(const struct uart *uart);

// Offers the waiting bytes to the sink again, which may have room now.
void uart_output_ready(struct uart *uart);

// Whether bytes wait for the sink.
static inline bool uart_output_waiting(const struct uart *uart)
{
    return uart->transmit.count != 0;
}
