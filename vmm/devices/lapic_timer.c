// SPDX-License-Identifier: MIT
// The local APIC's timer: one-shot, periodic and TSC-deadline (SDM Vol. 3A 11.5.4).
#include "vmm/devices/lapic_timer.h"

#include "arch/x86/apic_registers.h"
#include "vmm/devices/lapic.h"
#include "vmm/devices/lapic_private.h"
#include "vmm/util/types.h"

// Divide configuration: bits 0, 1 and 3.
#define DIVIDE_MASK 0x0bU

enum lapic_timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE };

static enum lapic_timer_mode mode_of(uint32_t lvt)
{
    return (enum lapic_timer_mode)((lvt & APIC_LVT_TIMER_MODE) >> APIC_LVT_TIMER_MODE_SHIFT);
}

static enum lapic_timer_mode timer_mode(struct lapic *lapic)
{
    return mode_of(*lapic_lvt(lapic, LAPIC_LVT_TIMER));
}

static uint64_t add_saturating(uint64_t a, uint64_t b)
{
    return a + b < a ? NEVER_NS : a + b;
}

static uint64_t period_ns(const struct lapic *lapic)
{
    return (uint64_t)lapic->initial_count << lapic->divide_shift;
}

// Rounded up, so that the count is 0 only when the timer is due.
uint32_t lapic_timer_current(const struct lapic *lapic, uint64_t now_ns)
{
    uint64_t left;
    if (lapic->tsc_deadline != 0 || lapic->timer_due_ns == NEVER_NS ||
        lapic->timer_due_ns <= now_ns) {
        return 0;
    }
    left = lapic->timer_due_ns - now_ns + BIT(lapic->divide_shift) - 1;
    return (uint32_t)MIN(left >> lapic->divide_shift, (uint64_t)lapic->initial_count);
}

void lapic_timer_start(struct lapic *lapic, uint32_t initial, uint64_t now_ns)
{
    if (timer_mode(lapic) == TIMER_TSC_DEADLINE) {
        return; // ignored in this mode (11.5.4.1)
    }
    lapic->initial_count = initial;
    lapic->timer_due_ns = initial == 0 ? NEVER_NS : add_saturating(now_ns, period_ns(lapic));
}

// The remaining ticks go on at the new rate.
void lapic_timer_set_divide(struct lapic *lapic, uint32_t divide, uint64_t now_ns)
{
    uint32_t left = lapic_timer_current(lapic, now_ns);
    unsigned code = (divide & 3) | (divide >> 1 & 4);
    lapic->divide = divide & DIVIDE_MASK;
    lapic->divide_shift = (code + 1) & 7; // 000 is by 2, 110 by 128, 111 by 1
    if (left != 0) {
        lapic->timer_due_ns = add_saturating(now_ns, (uint64_t)left << lapic->divide_shift);
    }
}

// A change to or from TSC-deadline mode disarms the timer.
void lapic_timer_set_lvt(struct lapic *lapic, uint32_t lvt)
{
    bool was_deadline = timer_mode(lapic) == TIMER_TSC_DEADLINE;
    *lapic_lvt(lapic, LAPIC_LVT_TIMER) = lvt;
    if (was_deadline == (mode_of(lvt) == TIMER_TSC_DEADLINE)) {
        return;
    }
    lapic->initial_count = 0;
    lapic->tsc_deadline = 0;
    lapic->timer_due_ns = NEVER_NS;
}

uint64_t lapic_tsc_deadline(struct lapic *lapic, uint64_t now_ns)
{
    lapic_advance(lapic, now_ns);
    return lapic->tsc_deadline;
}

void lapic_set_tsc_deadline(struct lapic *lapic, uint64_t deadline, uint64_t due_ns)
{
    if (lapic->mode == LAPIC_DISABLED || timer_mode(lapic) != TIMER_TSC_DEADLINE) {
        return;
    }
    lapic->tsc_deadline = deadline;
    lapic->timer_due_ns = deadline == 0 ? NEVER_NS : due_ns;
}

// Several periods since the last look make one interrupt. The phase stays.
static void start_next_period(struct lapic *lapic, uint64_t now_ns)
{
    uint64_t period = period_ns(lapic);
    uint64_t due = add_saturating(lapic->timer_due_ns, period);
    if (due <= now_ns) {
        due = add_saturating(due, ((now_ns - due) / period + 1) * period);
    }
    lapic->timer_due_ns = due;
}

void lapic_advance(struct lapic *lapic, uint64_t now_ns)
{
    if (now_ns < lapic->timer_due_ns || lapic->timer_due_ns == NEVER_NS) {
        return;
    }
    if (timer_mode(lapic) == TIMER_PERIODIC && lapic->initial_count != 0) {
        start_next_period(lapic, now_ns);
    } else {
        lapic->timer_due_ns = NEVER_NS;
        lapic->tsc_deadline = 0;
    }
    lapic_raise_local(lapic, LAPIC_LVT_TIMER);
}

// An illegal vector raises the error interrupt in place of the timer's.
uint64_t lapic_wake_event_ns(const struct lapic *lapic)
{
    uint32_t lvt = lapic->lvt[0];
    unsigned vector = lvt & APIC_LVT_VECTOR;
    if (vector < LAPIC_FIRST_VECTOR) {
        lvt |= lapic->lvt[LAPIC_LVT_ERROR - LAPIC_LVT_TIMER] & APIC_LVT_MASKED;
        vector = lapic->lvt[LAPIC_LVT_ERROR - LAPIC_LVT_TIMER] & APIC_LVT_VECTOR;
    }
    if ((lvt & APIC_LVT_MASKED) || vector >> 4 <= lapic_processor_priority(lapic) >> 4) {
        return NEVER_NS;
    }
    return lapic->timer_due_ns;
}

void lapic_timer_reset(struct lapic *lapic)
{
    lapic->initial_count = 0;
    lapic->divide = 0;
    lapic->divide_shift = 1;
    lapic->tsc_deadline = 0;
    lapic->timer_due_ns = NEVER_NS;
}
