// SPDX-License-Identifier: MIT
// The local APIC's registers and their bits (SDM Vol. 3A 11.4 to 11.12). Constants only.
#pragma once

#include "vmm/util/types.h"

#define APIC_DEFAULT_ADDRESS 0xfee00000ULL // of the xAPIC page

// A register is called by its offset in the xAPIC page (SDM Vol. 3A table 11-1). Its number is the
// offset divided by 16; its MSR in x2APIC mode is IA32_X2APIC_FIRST plus the number.
#define APIC_ID 0x020
#define APIC_VERSION 0x030
#define APIC_TPR 0x080
#define APIC_APR 0x090 // xAPIC only
#define APIC_PPR 0x0a0
#define APIC_EOI 0x0b0
#define APIC_RRD 0x0c0 // xAPIC only
#define APIC_LDR 0x0d0
#define APIC_DFR 0x0e0 // xAPIC only
#define APIC_SVR 0x0f0
#define APIC_ISR 0x100 // eight registers
#define APIC_TMR 0x180 // eight registers
#define APIC_IRR 0x200 // eight registers
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
#define APIC_SELF_IPI 0x3f0         // x2APIC only
#define APIC_EXTENDED_FEATURE 0x400 // AMD only, as the entries of its local vector table
#define APIC_EXTENDED_LVT 0x500

#define APIC_REGISTER_STEP 0x10
#define APIC_NUMBER(offset) ((offset) / APIC_REGISTER_STEP)

#define APIC_ID_SHIFT 24 // xAPIC
#define APIC_VERSION_MAX_LVT_SHIFT 16
#define APIC_VERSION_MAX_LVT_MASK 0xff
#define APIC_VERSION_EXTENDED BIT(31) // AMD: APIC_EXTENDED_FEATURE exists
#define APIC_EXTENDED_COUNT_SHIFT 16
#define APIC_EXTENDED_COUNT_MASK 0xffu
#define APIC_EXTENDED_LVTS_MAX 16u
#define APIC_SVR_ENABLE BIT(8)
#define APIC_DFR_FLAT 0xffffffffu

// An entry of the local vector table.
#define APIC_LVT_VECTOR 0xffu
#define APIC_LVT_DELIVERY_SHIFT 8
#define APIC_LVT_DELIVERY (7u << APIC_LVT_DELIVERY_SHIFT)
#define APIC_LVT_SMI (2u << APIC_LVT_DELIVERY_SHIFT)
#define APIC_LVT_NMI (4u << APIC_LVT_DELIVERY_SHIFT)
#define APIC_LVT_EXTINT (7u << APIC_LVT_DELIVERY_SHIFT)
#define APIC_LVT_ACTIVE_LOW BIT(13)
#define APIC_LVT_REMOTE_IRR BIT(14)
#define APIC_LVT_LEVEL BIT(15)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_TIMER_MODE_SHIFT 17
#define APIC_LVT_TIMER_MODE (3u << APIC_LVT_TIMER_MODE_SHIFT)
#define APIC_LVT_PERIODIC (1u << APIC_LVT_TIMER_MODE_SHIFT)
#define APIC_LVT_TSC_DEADLINE (2u << APIC_LVT_TIMER_MODE_SHIFT)

// Entries of the local vector table that not every APIC has, by its "max LVT" number.
#define APIC_HAS_PERFORMANCE 4
#define APIC_HAS_THERMAL 5
#define APIC_HAS_CMCI 6

#define APIC_DIVIDE_BY_1 0xbu
#define APIC_DIVIDE_BY_16 0x3u

// The interrupt command register.
#define APIC_ICR_VECTOR 0xffu
#define APIC_ICR_DELIVERY_SHIFT 8
#define APIC_ICR_NMI (4u << APIC_ICR_DELIVERY_SHIFT)
#define APIC_ICR_INIT (5u << APIC_ICR_DELIVERY_SHIFT)
#define APIC_ICR_STARTUP (6u << APIC_ICR_DELIVERY_SHIFT)
#define APIC_ICR_LOGICAL BIT(11)
#define APIC_ICR_PENDING BIT(12) // xAPIC only
#define APIC_ICR_ASSERT BIT(14)
#define APIC_ICR_LEVEL BIT(15)
#define APIC_ICR_SHORTHAND_SHIFT 18
#define APIC_ICR_SELF BIT(18)
#define APIC_ICR_DESTINATION_SHIFT 32       // x2APIC
#define APIC_ICR_XAPIC_DESTINATION_SHIFT 56 // of both halves as one
