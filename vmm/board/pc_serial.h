// SPDX-License-Identifier: MIT
// What comes in on the serial line of a VM's PC.
#pragma once

struct pc;

// Fills the UART from the other end of the line, as far as the UART has room. The caller holds the
// board's lock.
void pc_serial_feed(struct pc *pc);
