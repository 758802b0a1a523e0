// SPDX-License-Identifier: MIT
// Text to the first serial port.
#pragma once

#include "vmm/util/types.h"

void print_init(void);  // programs the UART: 115200 baud, 8 bits, no interrupts
void print_flush(void); // waits until the last bit is on the wire

// Takes %c %s %d %u %x %%, the length l, the flag 0 and a width.
void print(const char *format, ...) PRINTF_LIKE(1, 2);
