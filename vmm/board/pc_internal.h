// SPDX-License-Identifier: MIT
// What pc.c, pc_ports.c and pc_memory.c share.
#pragma once

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/util/types.h"

static inline uint64_t pc_now_ns(const struct pc *pc)
{
    return pc->output->now_ns(pc->output);
}

// Puts every device at its ports, once, in pc_init.
void pc_claim_ports(struct pc *pc);

// The functions below expect the board's lock to be held.

// A timer was set: tells the output when pc_advance is next needed.
void pc_timer_set(const struct pc *pc);

// Moves bytes from the other end of the serial line into the UART, as far as it has room.
void pc_feed_uart(struct pc *pc);
