// SPDX-License-Identifier: MIT
// The registers of the I/O APIC (Intel 82093AA data sheet).
#pragma once

#include "vmm/util/types.h"

#define IOAPIC_ADDRESS 0xfec00000ULL
#define IOAPIC_WINDOW 0x10
#define IOAPIC_END_OF_INTERRUPT 0x40
#define IOAPIC_PINS 24
#define IOAPIC_TABLE 0x10 // the index of the first entry; each has two registers

#define ENTRY_LOGICAL BIT(11)
#define ENTRY_REMOTE_IRR BIT(14)
#define ENTRY_LEVEL BIT(15)
#define ENTRY_MASKED BIT(16)

static inline volatile uint32_t *ioapic_at(unsigned offset)
{
    return (volatile uint32_t *)(uintptr_t)(IOAPIC_ADDRESS + offset);
}

static inline uint32_t ioapic_read(unsigned index)
{
    *ioapic_at(0) = index;
    return *ioapic_at(IOAPIC_WINDOW);
}

static inline void ioapic_write(unsigned index, uint32_t value)
{
    *ioapic_at(0) = index;
    *ioapic_at(IOAPIC_WINDOW) = value;
}

// An entry of the redirection table, to the processor whose APIC ID is 0.
static inline void ioapic_set(unsigned pin, uint32_t low)
{
    ioapic_write(IOAPIC_TABLE + 2 * pin + 1, 0);
    ioapic_write(IOAPIC_TABLE + 2 * pin, low);
}
