// SPDX-License-Identifier: MIT
// What the files of the local APIC model share among themselves.
#pragma once

#include "vmm/devices/apic_message.h"
#include "vmm/devices/lapic.h"
#include "vmm/util/types.h"

enum lapic_timer_mode { TIMER_ONE_SHOT, TIMER_PERIODIC, TIMER_TSC_DEADLINE };

// SDM Vol. 3A 11.5.3.
enum lapic_errors {
    ERROR_SEND_VECTOR = BIT(5),
    ERROR_RECEIVE_VECTOR = BIT(6),
    ERROR_REGISTER = BIT(7),
};

// Vectors 0 to 15 are illegal for fixed interrupts (11.5.2).
#define LAPIC_FIRST_VECTOR 16

static inline uint32_t *lapic_lvt(struct lapic *lapic, enum lapic_register reg)
{
    return &lapic->lvt[reg - LAPIC_LVT_TIMER];
}

// The logical ID in x2APIC mode (11.12.10.2): cluster, and one bit within it.
static inline uint32_t lapic_x2apic_ldr(const struct lapic *lapic)
{
    return (lapic->id >> 4) << 16 | 1U << (lapic->id & 0xf);
}

// lapic.c
// Notes an error for ESR and raises the error interrupt.
void lapic_error(struct lapic *lapic, uint32_t error);
// Raises a local interrupt as its LVT entry says, unless it is masked.
void lapic_raise_local(struct lapic *lapic, enum lapic_register reg);
// Raises the interrupt of a level-triggered LINT pin that is asserted and not yet accepted.
void lapic_check_level_pin(struct lapic *lapic, enum lapic_register reg);

// lapic_ipi.c
// Sends the message that the whole ICR describes.
void lapic_send(struct lapic *lapic, uint64_t icr);
struct apic_message lapic_message(const struct lapic *lapic, uint64_t icr);

// lapic_timer.c
uint32_t lapic_timer_current(const struct lapic *lapic, uint64_t now_ns);
void lapic_timer_start(struct lapic *lapic, uint32_t initial, uint64_t now_ns);
void lapic_timer_set_divide(struct lapic *lapic, uint32_t divide, uint64_t now_ns);
void lapic_timer_set_lvt(struct lapic *lapic, uint32_t lvt);
void lapic_timer_reset(struct lapic *lapic);
