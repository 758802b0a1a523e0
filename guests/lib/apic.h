// SPDX-License-Identifier: MIT
// The local APIC, by memory (xAPIC) and by MSRs (x2APIC) (SDM Vol. 3A ch. 10).
#pragma once

#include "guests/lib/cpu.h"

#define APIC_ADDRESS 0xfee00000ULL

// Registers by their offset in the page. The MSR of each is 0x800 + offset / 16.
enum apic_register {
    APIC_ID = 0x020,
    APIC_VERSION = 0x030,
    APIC_TPR = 0x080,
    APIC_PPR = 0x0a0,
    APIC_EOI = 0x0b0,
    APIC_LDR = 0x0d0,
    APIC_DFR = 0x0e0, // xAPIC only
    APIC_SVR = 0x0f0,
    APIC_ISR = 0x100, // eight of each
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310, // xAPIC only
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_THERMAL = 0x330,
    APIC_LVT_PERFORMANCE = 0x340,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0, // x2APIC only
};

#define APIC_X2APIC_MSR(register) (0x800U + (register) / 16)

#define APIC_SVR_ENABLE BIT(8)
#define APIC_SPURIOUS_VECTOR 0xff
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_PERIODIC BIT(17)
#define APIC_LVT_TSC_DEADLINE BIT(18)
#define APIC_LVT_EXTINT 0x700U
#define APIC_LVT_NMI 0x400U
#define APIC_DIVIDE_BY_16 3
#define APIC_ICR_SELF BIT(18)
#define APIC_ICR_PENDING BIT(12)
#define APIC_ICR_ASSERT BIT(14)

// Parts of the interrupt command register (SDM Vol. 3A 10.6.1).
#define IPI_FIXED 0U
#define IPI_LOWEST_PRIORITY 0x100U
#define IPI_NMI 0x400U
#define IPI_INIT 0x500U
#define IPI_STARTUP 0x600U
#define IPI_LOGICAL 0x800U
#define IPI_SELF 0x40000U
#define IPI_ALL 0x80000U
#define IPI_OTHERS 0xc0000U

enum apic_mode { APIC_MODE_OFF, APIC_MODE_XAPIC, APIC_MODE_X2APIC };

static inline uint32_t xapic_read(unsigned offset)
{
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(APIC_ADDRESS + offset) : "memory");
    return value;
}

static inline void xapic_write(unsigned offset, uint32_t value)
{
    __asm__ volatile("movl %0, (%1)" ::"r"(value), "r"(APIC_ADDRESS + offset) : "memory");
}

bool apic_has_x2apic(void);
bool apic_has_tsc_deadline(void);

// Puts the APIC into `mode` by allowed transitions (SDM Vol. 3A 10.12.5), enables it by software,
// and lets LINT0 pass on the interrupts of the 8259s, as a PC's firmware does.
void apic_set_mode(enum apic_mode mode);

// Access a register in the mode that is set.
uint32_t apic_read(enum apic_register which);
void apic_write(enum apic_register which, uint32_t value);
