// SPDX-License-Identifier: MIT
// The VM's clock for the devices of its PC.
#pragma once

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/util/types.h"

// Brings timers and the UART up to `now_ns` of the VM's clock and raises the interrupts that are
// due.
void pc_advance(struct pc *pc, uint64_t now_ns);

// The time on the VM's clock when a device next needs pc_advance; NEVER_NS if none does.
uint64_t pc_next_event_ns(struct pc *pc, uint64_t now_ns);

// The rest is for the files of the board.

static inline uint64_t pc_now_ns(const struct pc *pc)
{
    return pc->output->now_ns(pc->output);
}

// A timer was set: tells the output when pc_advance is next needed. The caller holds the board's
// lock.
void pc_timer_set(const struct pc *pc);
