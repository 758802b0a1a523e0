// SPDX-License-Identifier: MIT
// The local APIC's timer (SDM Vol. 3A 11.5.4).
#pragma once

#include "arch/x86/apic_registers.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/nanoseconds.h"
#include "vmm/util/types.h"

#define LAPIC_TIMER_HZ 1000000000ULL // before the divider: one tick a nanosecond

// IA32_TSC_DEADLINE. The caller knows the guest's TSC. It gives the deadline as written, and the
// time at which the TSC reaches the deadline, rounded up. A time that has passed fires at the next
// lapic_advance. A deadline of 0, or a write in another timer mode, disarms the timer. The register
// reads 0 when the timer is not armed.
void lapic_set_tsc_deadline(struct lapic *lapic, uint64_t deadline, uint64_t due_ns);
uint64_t lapic_tsc_deadline(struct lapic *lapic, uint64_t now_ns);

// When the timer next interrupts; NEVER_NS: it is stopped, or its interrupt is masked.
// lapic_advance raises the interrupt: one interrupt, even if several periods have passed. A masked
// timer goes on, but its interrupts are lost (11.5.1). Each access that shows what has become of it
// brings it up to date first.
static inline uint64_t lapic_next_event_ns(const struct lapic *lapic)
{
    bool masked = lapic->lvt[0] & APIC_LVT_MASKED; // the first entry is LAPIC_LVT_TIMER
    return masked ? NEVER_NS : lapic->timer_due_ns;
}
// The same for a CPU that waits for an interrupt: NEVER_NS, too, if the priority of the timer's
// interrupt is too low to be delivered. When the CPU wakes, lapic_advance must be called first.
uint64_t lapic_wake_event_ns(const struct lapic *lapic);
void lapic_advance(struct lapic *lapic, uint64_t now_ns);

// ---- For the other files of the local APIC model ----

// The value of the current-count register.
uint32_t lapic_timer_current(const struct lapic *lapic, uint64_t now_ns);
// Writes to the initial count, the divide configuration and the LVT entry.
void lapic_timer_start(struct lapic *lapic, uint32_t initial, uint64_t now_ns);
void lapic_timer_set_divide(struct lapic *lapic, uint32_t divide, uint64_t now_ns);
void lapic_timer_set_lvt(struct lapic *lapic, uint32_t lvt);
// Stops the timer and clears its registers.
void lapic_timer_reset(struct lapic *lapic);
