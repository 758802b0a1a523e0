// SPDX-License-Identifier: MIT
// The 16550 UART as a serial line, with rings in both directions. Pure: it knows only its
// registers.
#pragma once

#include "drivers/uart16550_registers.h"
#include "vmm/util/types.h"

#define UART16550_RECEIVE_BYTES 4096
#define UART16550_SEND_BYTES 256   // 22 ms at 115200 baud: the echo of a key waits behind them
#define UART16550_CLOCK_HZ 1843200 // on a PC
#define UART16550_CLOCKS_PER_BIT 16

// Heads and tails only grow. A ring holds head - tail bytes.
struct uart16550 {
    struct uart16550_registers registers;
    bool present;
    bool silent;      // not present, because it did not loop back what was sent
    unsigned divisor; // the rate is the chip's clock / 16 / divisor
    unsigned fifo_characters;
    uint8_t interrupts;   // value of the interrupt enable register; 0: polled
    bool interrupts_come; // if not, reading polls
    bool stuck;           // it sent nothing for long: until it does, nothing waits for it
    uint64_t lost;        // incoming characters that the chip or a full ring lost
    uint32_t receive_head;
    uint32_t receive_tail;
    uint32_t send_head;
    uint32_t send_tail;
    uint8_t receive[UART16550_RECEIVE_BYTES];
    char send[UART16550_SEND_BYTES];
};

// Call all of these with interrupts off. If the chip is not present they do nothing.

// Looks for a UART behind `registers` and sets it to 8N1 with FIFOs, without interrupts. `divisor`
// 0 keeps the rate. False: there is no UART. Some chips cannot loop back what is sent, so that only
// `unprobed` finds them: then it is enough that something answers.
bool uart16550_init(struct uart16550 *uart, const struct uart16550_registers *registers,
                    unsigned divisor, bool unprobed);
// Changes the rate (1 to 65535) after the written text has been sent.
void uart16550_set_divisor(struct uart16550 *uart, unsigned divisor);
// Enables the interrupt, which is routed now. Until the first one comes the line still works by
// polling.
void uart16550_enable_interrupts(struct uart16550 *uart);

// All functions from here on except uart16550_write_sync run on the CPU that takes the interrupt
// (0).
// Takes as many characters as there is room for, without waiting. Returns their number.
size_t uart16550_write(struct uart16550 *uart, const char *text, size_t length);
size_t uart16550_room(struct uart16550 *uart);
// The next received character, -1 if there is none.
int uart16550_read(struct uart16550 *uart);
// Whether a received character is in the ring.
bool uart16550_has_input(const struct uart16550 *uart);
// Call it from the handler of the UART's interrupt. True: this UART had an interrupt. Where several
// share an edge-triggered input, all of them must be without one at the same time.
bool uart16550_interrupt(struct uart16550 *uart);
// Waits, for a bounded time, until everything is on the wire.
void uart16550_flush(struct uart16550 *uart);

// For panics: sends the text in the ring and then `text` by polling. Needs no interrupt or lock.
void uart16550_write_sync(struct uart16550 *uart, const char *text, size_t length);
