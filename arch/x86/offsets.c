// SPDX-License-Identifier: MIT
// Numbers of C headers for the assembly of arch/x86. This file is compiled but never linked.
#include "arch/x86/apic_registers.h"
#include "arch/x86/msr_numbers.h"
#include "arch/x86/vectors.h"

#define OFFSET(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"(value))

void offsets(void);

void offsets(void)
{
    OFFSET(VECTOR_TIMER, VECTOR_TIMER);
    OFFSET(VECTOR_NUDGE, VECTOR_NUDGE);
    OFFSET(X2APIC_EOI, IA32_X2APIC_FIRST + APIC_NUMBER(APIC_EOI));
}
