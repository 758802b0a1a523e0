// SPDX-License-Identifier: MIT
// The local APIC's registers and their bits (SDM Vol. 3A 11.4 to 11.12). Constants only.
#pragma once

#include "vmm/util/types.h"

// Offsets in the xAPIC page. The x2APIC's MSR is IA32_X2APIC_FIRST + offset / 16.
#define APIC_ID 0x020
#define APIC_VERSION 0x030
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_LDR 0x0d0
#define APIC_DFR 0x0e0 // xAPIC only
#define APIC_SPURIOUS 0x0f0
#define APIC_ISR 0x100 // 8 registers, 0x10 apart
#define APIC_ESR 0x280
#define APIC_LVT_CMCI 0x2f0
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310 // xAPIC only
#define APIC_LVT_TIMER 0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERFORMANCE 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define APIC_TIMER_INITIAL 0x380
#define APIC_TIMER_CURRENT 0x390
#define APIC_TIMER_DIVIDE 0x3e0

#define APIC_REGISTER_STEP 0x10
#define APIC_ID_SHIFT 24 // xAPIC
#define APIC_VERSION_MAX_LVT_SHIFT 16
#define APIC_VERSION_MAX_LVT_MASK 0xff
#define APIC_SPURIOUS_ENABLE BIT(8)
#define APIC_DFR_FLAT 0xffffffffu

#define APIC_LVT_NMI (4u << 8)
#define APIC_LVT_ACTIVE_LOW BIT(13)
#define APIC_LVT_LEVEL BIT(15)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_TSC_DEADLINE (2u << 17)
#define APIC_DIVIDE_BY_1 0xbu

#define APIC_ICR_NMI (4u << 8)
#define APIC_ICR_INIT (5u << 8)
#define APIC_ICR_STARTUP (6u << 8)
#define APIC_ICR_PENDING BIT(12)
#define APIC_ICR_ASSERT BIT(14)
#define APIC_ICR_LEVEL BIT(15)
#define APIC_ICR_DESTINATION_SHIFT 32

// Entries of the local vector table that not every APIC has, by its "max LVT" number.
#define APIC_HAS_PERFORMANCE 4
#define APIC_HAS_THERMAL 5
#define APIC_HAS_CMCI 6
