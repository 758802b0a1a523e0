// SPDX-License-Identifier: MIT
// An interrupt message between I/O APIC and local APICs.
#pragma once

#include "vmm/util/types.h"

// SDM Vol. 3A 11.6.1, delivery mode; the numbers are those of the registers.
enum apic_delivery {
    APIC_FIXED = 0,
    APIC_LOWEST_PRIORITY = 1,
    APIC_SMI = 2,
    APIC_NMI = 4,
    APIC_INIT = 5,
    APIC_STARTUP = 6,
    APIC_EXTINT = 7,
};

enum apic_shorthand {
    APIC_NO_SHORTHAND = 0,
    APIC_SELF = 1,
    APIC_ALL = 2,
    APIC_ALL_BUT_SELF = 3,
};

struct apic_message {
    uint8_t vector;
    enum apic_delivery delivery;
    enum apic_shorthand shorthand; // from an ICR only
    bool logical;                  // `destination` is a logical one
    bool level;                    // level-triggered
    // An APIC ID, or a set of APICs in a logical form. In x2APIC mode it has 32 bits. Otherwise it
    // has 8 bits, and 0xff becomes 0xffffffff. 0xffffffff means all APICs.
    uint32_t destination;
};
