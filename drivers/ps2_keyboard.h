// SPDX-License-Identifier: MIT
// The PS/2 keyboard behind an 8042 controller, as the bytes that a terminal would send.
#pragma once

#include "vmm/util/types.h"

#define PS2_KEYBOARD_IRQ 1

// Looks for the controller and enables the keyboard on its first port. Needs the clock. False:
// there is no controller, and the other functions do nothing. Until the interrupt is routed, the
// keyboard works by polling.
bool ps2_keyboard_init(void);

// Call both functions on the CPU that takes the interrupt (0).
// The next typed byte, -1 if there is none. It polls until the first interrupt comes.
int ps2_keyboard_read(void);
// Whether ps2_keyboard_read would give one, of those that came by interrupt.
bool ps2_keyboard_has_input(void);
// Call it from the handler of the keyboard's interrupt.
void ps2_keyboard_interrupt(void);
