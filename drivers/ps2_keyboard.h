// SPDX-License-Identifier: MIT
// The PS/2 keyboard behind an 8042 controller, as bytes that a terminal would send.
#pragma once

#include "vmm/util/types.h"

#define PS2_KEYBOARD_IRQ 1

// Looks for the controller and switches the keyboard on its first port on; needs the clock. False:
// there is no controller; the other functions then do nothing. Until its interrupt is routed, the
// keyboard works by polling.
bool ps2_keyboard_init(void);

// On the CPU that takes the interrupt (0), both.
// The next typed byte, -1 if there is none. Polls until the first interrupt comes.
int ps2_keyboard_read(void);
// Call it from the handler of the keyboard's interrupt.
void ps2_keyboard_interrupt(void);
