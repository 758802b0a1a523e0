// SPDX-License-Identifier: MIT
// The VM's clock for the devices of its PC.
#pragma once

#include "vmm/board/pc.h"
#include "vmm/board/pc_output.h"
#include "vmm/devices/hpet.h" // IWYU pragma: keep
#include "vmm/util/types.h"

// Brings timers and the UART up to `now_ns` of the VM's clock and raises the interrupts that are
// due. Gives a turn to virtio devices that have work.
void pc_advance(struct pc *pc, uint64_t now_ns);
// The same, but only what is short: of the virtio devices it looks at the console alone.
void pc_advance_timers(struct pc *pc, uint64_t now_ns);

// The time on the VM's clock when a device next needs pc_advance; NEVER_NS if none does. Timers,
// and bytes on the serial line, do not count if their interrupt is masked in all interrupt
// controllers. `waits`: the first vCPU does not run, and pc_advance will be called before it does.
// Then the 8259s' requests wait for it, and a timer that would only repeat its request does not
// count either.
uint64_t pc_next_event_ns(struct pc *pc, uint64_t now_ns, bool waits);

// The rest is for the files of the board.

static inline uint64_t pc_now_ns(const struct pc *pc)
{
    return pc->output->now_ns(pc->output);
}

// A timer was set: tells the output when pc_advance is next needed. The caller holds the board's
// lock.
void pc_timer_set(struct pc *pc);

// To be called before an access to an interrupt controller, with the board's lock. If there are
// timers that nobody heard so far, it brings them up to date. The access may let them be heard, so
// it also asks for pc_advance, which must then wait for the lock.
void pc_catch_up_now(struct pc *pc);
static inline void pc_catch_up(struct pc *pc)
{
    if (pc->behind) {
        pc_catch_up_now(pc);
    }
}

// The inputs of the I/O APIC that this is about: timer, UART, RTC, HPET. An access that concerns
// none of them need not be preceded by pc_catch_up.
#define PC_TIMED_PINS                                                                              \
    (BIT(HPET_LEGACY_GSI_0) | BIT(IRQ_UART) | BIT(HPET_LEGACY_GSI_1) | HPET_ROUTES)
