// SPDX-License-Identifier: MIT
// The USB keyboards of this machine, at any xHCI controller, as the bytes that a terminal would
// send. All functions: on CPU 0.
#pragma once

#include "vmm/util/types.h"

// Takes the machine's xHCI controllers over. Needs the clock. Returns how many there are.
// Keyboards are found later, by the polls.
unsigned usb_keyboards_init(void);

// How many controllers there are, and keyboards at them now.
unsigned usb_keyboards_controllers(void);
unsigned usb_keyboards_count(void);

// Serves the controllers. Call it at least every 20 ms, and more often while they are busy. It
// never waits.
void usb_keyboards_poll(void);
bool usb_keyboards_are_busy(void);

// The next typed byte; -1: none.
int usb_keyboards_read(void);
bool usb_keyboards_have_input(void);

// Call it before the machine is left: no controller accesses memory afterwards.
void usb_keyboards_stop(void);
