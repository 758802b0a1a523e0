// SPDX-License-Identifier: MIT
// The inside of lapic.c, for the other files of the local APIC model.
#pragma once

#include "vmm/devices/lapic.h"
#include "vmm/util/types.h"

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

// Notes an error for ESR and raises the error interrupt.
void lapic_error(struct lapic *lapic, uint32_t error);
// Raises a local interrupt as its LVT entry says, unless it is masked.
void lapic_raise_local(struct lapic *lapic, enum lapic_register reg);
// Raises the interrupt of a level-triggered LINT pin that is asserted and not yet accepted.
void lapic_check_level_pin(struct lapic *lapic, enum lapic_register reg);
