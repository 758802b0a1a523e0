// SPDX-License-Identifier: MIT
// The local APIC, by memory (xAPIC) and by MSRs (x2APIC) (SDM Vol. 3A ch. 10).
#pragma once

#include "arch/x86/apic_registers.h"
#include "arch/x86/msr_numbers.h"
#include "guests/lib/cpu.h"

#define APIC_X2APIC_MSR(offset) (IA32_X2APIC_FIRST + APIC_NUMBER(offset))

#define APIC_SPURIOUS_VECTOR 0xff

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
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(APIC_DEFAULT_ADDRESS + offset) : "memory");
    return value;
}

static inline void xapic_write(unsigned offset, uint32_t value)
{
    __asm__ volatile("movl %0, (%1)" ::"r"(value), "r"(APIC_DEFAULT_ADDRESS + offset) : "memory");
}

// Writes the interrupt command register.
static inline void xapic_send_ipi(uint32_t destination, uint32_t command)
{
    xapic_write(APIC_ICR_HIGH, destination << APIC_ID_SHIFT);
    xapic_write(APIC_ICR, command | APIC_ICR_ASSERT);
}

bool apic_has_x2apic(void);
bool apic_has_tsc_deadline(void);

// Puts the APIC into `mode` by allowed transitions (SDM Vol. 3A 10.12.5), enables it by software,
// and lets LINT0 pass on the interrupts of the 8259s, as a PC's firmware does.
void apic_set_mode(enum apic_mode mode);

// Access a register in the mode that is set.
uint32_t apic_read(unsigned offset);
void apic_write(unsigned offset, uint32_t value);
