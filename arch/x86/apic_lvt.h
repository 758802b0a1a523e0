// SPDX-License-Identifier: MIT
// The local vector table as firmware leaves it: its sources are masked, but for the firmware's own.
#pragma once

#include "vmm/util/types.h"

// The registers of this CPU's local APIC, by their offsets. A read of one that is not there gives
// 0.
struct apic_registers {
    uint32_t (*read)(uint32_t offset);
    void (*write)(uint32_t offset, uint32_t value);
};

// On each CPU: masks all sources, AMD's extended ones too (APM Vol. 2 16.4.5). A source that the
// firmware has routed to SMI stays as it is. INIT takes the firmware's entry for the thermal sensor
// from all CPUs but the first one: `*thermal`, 0 at the first call, carries it to them.
void apic_lvt_mask(const struct apic_registers *apic, uint32_t *thermal);
