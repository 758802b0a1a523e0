// SPDX-License-Identifier: MIT
// The local APIC, by memory (xAPIC) and by MSRs (x2APIC) (SDM Vol. 3A ch. 10).
#include "guests/lib/apic.h"

static enum apic_mode current_mode;

bool apic_has_x2apic(void)
{
    return (cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC) != 0;
}

bool apic_has_tsc_deadline(void)
{
    return (cpuid(1, 0).ecx & CPUID_1_ECX_TSC_DEADLINE) != 0;
}

uint32_t apic_read(unsigned offset)
{
    return current_mode == APIC_MODE_X2APIC ? (uint32_t)msr_read(APIC_X2APIC_MSR(offset))
                                            : xapic_read(offset);
}

void apic_write(unsigned offset, uint32_t value)
{
    if (current_mode == APIC_MODE_X2APIC) {
        msr_write(APIC_X2APIC_MSR(offset), value);
    } else {
        xapic_write(offset, value);
    }
}

void apic_set_mode(enum apic_mode mode)
{
    const uint64_t base = msr_read(IA32_APIC_BASE) & ~(APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    msr_write(IA32_APIC_BASE, base);
    current_mode = mode;
    if (mode == APIC_MODE_OFF) {
        return;
    }
    msr_write(IA32_APIC_BASE, base | APIC_BASE_ENABLE);
    if (mode == APIC_MODE_X2APIC) {
        msr_write(IA32_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    }
    apic_write(APIC_SVR, APIC_SVR_ENABLE | APIC_SPURIOUS_VECTOR);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
}
