// SPDX-License-Identifier: MIT
// What pc.c, pc_ports.c and pc_memory.c know of each other.
#pragma once

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/util/types.h"

static inline uint64_t pc_now_ns(const struct pc *pc)
{
    return pc->output->now_ns(pc->output);
}

// The lock is held, but in pc_claim_ports.

// Puts every device at its ports.
void pc_claim_ports(struct pc *pc);

// A timer was set, or a byte waits for the console: the output learns when that is due.
void pc_timer_set(const struct pc *pc);

// What is typed goes into the UART as far as it has room.
void pc_feed_uart(struct pc *pc);
