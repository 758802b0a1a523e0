// SPDX-License-Identifier: MIT
// A driver for the virtio entropy device (virtio 1.2, 5.4), with one buffer.
#pragma once

#include "vmm/util/types.h"

// The slot of the device, which becomes bus master; 0: there is none.
unsigned entropy_find(void);

// Resets the device and sets its queue up, with that vector of MSI-X. False: the device refuses.
bool entropy_start(uint16_t vector);

// Asks for random bytes: notifies the device by port, or by memory.
void entropy_ask(bool by_port);

// How many bytes came for all questions so far; 0 also if they look less than random.
unsigned entropy_bytes(void);

// The causes of interrupts by line or MSI since the last call. Ends the interrupt by line.
uint8_t entropy_isr(void);
