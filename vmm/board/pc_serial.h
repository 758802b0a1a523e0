// SPDX-License-Identifier: MIT
// What comes in on the serial line of a VM's PC.
#pragma once

#include "vmm/util/types.h"

struct pc;

// The guest's end of the line. All zero is a line that is idle.
struct pc_serial {
    bool holds; // `held` has come from the other end, and waits for the UART
    uint8_t held;
    uint8_t batch;       // how many bytes the UART got last, while the guest has not read them all
    uint64_t idle_at_ns; // until then the line is busy with the batch before
};

// Gives the UART the next bytes from the other end, if the guest has read the last ones and the
// line is idle. As many come at once as make the UART interrupt. After that the line is busy for as
// long as they take at the rate that the guest has set. The caller holds the board's lock.
void pc_serial_feed(struct pc *pc);

// When the next byte comes and interrupts; NEVER_NS if none is known that would.
uint64_t pc_serial_event_ns(const struct pc *pc, uint64_t now_ns);
