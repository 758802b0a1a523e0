// SPDX-License-Identifier: MIT
// Masks the entries of the local vector table (SDM Vol. 3A 11.5.1).
#include "arch/x86/apic_lvt.h"

#include "arch/x86/apic_registers.h"
#include "arch/x86/vectors.h"

static bool is_smi(uint32_t entry)
{
    return (entry & APIC_LVT_DELIVERY) == APIC_LVT_SMI && !(entry & APIC_LVT_MASKED);
}

static void mask(const struct apic_registers *apic, uint32_t offset)
{
    if (!is_smi(apic->read(offset))) {
        apic->write(offset, APIC_LVT_MASKED | VECTOR_LINT);
    }
}

static void mask_thermal(const struct apic_registers *apic, uint32_t *thermal)
{
    uint32_t entry = apic->read(APIC_LVT_THERMAL);
    if (is_smi(entry)) {
        *thermal = entry;
    } else if (is_smi(*thermal)) {
        apic->write(APIC_LVT_THERMAL, *thermal);
    } else {
        mask(apic, APIC_LVT_THERMAL);
    }
}

static void mask_extended(const struct apic_registers *apic)
{
    uint32_t count = apic->read(APIC_EXTENDED_FEATURE) >> APIC_EXTENDED_COUNT_SHIFT;
    count = MIN(count & APIC_EXTENDED_COUNT_MASK, APIC_EXTENDED_LVTS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        mask(apic, APIC_EXTENDED_LVT + i * APIC_REGISTER_STEP);
    }
}

void apic_lvt_mask(const struct apic_registers *apic, uint32_t *thermal)
{
    uint32_t version = apic->read(APIC_VERSION);
    unsigned last = version >> APIC_VERSION_MAX_LVT_SHIFT & APIC_VERSION_MAX_LVT_MASK;
    mask(apic, APIC_LVT_TIMER);
    mask(apic, APIC_LVT_LINT0);
    mask(apic, APIC_LVT_LINT1);
    if (last >= APIC_HAS_PERFORMANCE) {
        mask(apic, APIC_LVT_PERFORMANCE);
    }
    if (last >= APIC_HAS_THERMAL) {
        mask_thermal(apic, thermal);
    }
    if (last >= APIC_HAS_CMCI) {
        mask(apic, APIC_LVT_CMCI);
    }
    if (version & APIC_VERSION_EXTENDED) {
        mask_extended(apic);
    }
}
