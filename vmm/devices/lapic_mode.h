// SPDX-License-Identifier: MIT
// The local APIC's modes: power-up, INIT, IA32_APIC_BASE (SDM Vol. 3A 11.4.3, 11.4.7, 11.12.5).
#pragma once

#include "vmm/util/types.h"

struct lapic;
struct lapic_output;

// `id` is the APIC ID, `bootstrap` the vCPU's BSP flag. `physical_bits` is the width of
// guest-physical addresses: it gives the reserved bits of IA32_APIC_BASE.
void lapic_init(struct lapic *lapic, struct lapic_output *output, uint32_t id, bool bootstrap,
                unsigned physical_bits);
// The state after power-up: xAPIC mode, software-disabled, everything masked.
void lapic_reset(struct lapic *lapic);
// The state after an INIT: as after power-up, but IA32_APIC_BASE and the mode stay.
void lapic_init_received(struct lapic *lapic);
// The state in which firmware leaves the bootstrap processor: enabled, LINT0 ExtINT, LINT1 NMI
// ("virtual wire", MultiProcessor Specification 3.6.2.2). For guests that start without firmware.
void lapic_set_virtual_wire(struct lapic *lapic);

// A write to IA32_APIC_BASE. False: #GP (reserved bits, a transition that 11.12.5 forbids).
MUST_CHECK bool lapic_set_base(struct lapic *lapic, uint64_t value);
