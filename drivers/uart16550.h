// SPDX-License-Identifier: MIT
// The 16550 UART of the console: COM1 with interrupts and rings.
#pragma once

#include "vmm/util/types.h"

#define UART16550_COM1 0x3f8
#define UART16550_COM1_IRQ 4

// Looks for a UART at `port` and sets it to 115200 8N1 with FIFOs and interrupts. False: there is
// none; the other functions then do nothing. Until its interrupt is routed, it works by polling.
bool uart16550_init(uint16_t port);
bool uart16550_present(void);

// All of these on the CPU that takes the interrupt (0), but uart16550_write_sync.
// Takes as many characters as there is room for, does not wait, returns how many.
size_t uart16550_write(const char *text, size_t length);
size_t uart16550_room(void);
// The next character that came in, -1 if there is none. Polls until the first interrupt comes.
int uart16550_read(void);
// Call it from the handler of the UART's interrupt.
void uart16550_interrupt(void);
// Waits until everything is on the wire, for a bounded time.
void uart16550_flush(void);

// For panics: sends what is in the ring and then `text`, by polling; needs no interrupt or lock.
void uart16550_write_sync(const char *text, size_t length);

// Characters lost on the way in: by the chip (overrun) and by a full ring.
uint64_t uart16550_lost(void);
