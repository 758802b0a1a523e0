// SPDX-License-Identifier: MIT
// The purpose of each interrupt vector. Exceptions have 0 to 31. Constants only.
#pragma once

// A higher vector is served first (SDM Vol. 3A 11.8.3.1).
enum interrupt_vector {
    VECTOR_PIC = 0x20,    // 0x20-0x2f: the masked 8259s; only a spurious IRQ 7 or 15 comes
    VECTOR_ISA = 0x30,    // 0x30-0x3f: ISA interrupts 0 to 15 from the I/O APIC
    VECTOR_KICK = 0xf0,   // from another CPU: a message waits
    VECTOR_TIMER = 0xf1,  // this CPU's APIC timer
    VECTOR_LINT = 0xf2,   // thermal sensor, performance counters: masked, expected never
    VECTOR_POSTED = 0xf3, // for the guest that the CPU runs: see ipi_post
    VECTOR_NUDGE = 0xf4,  // from this CPU to itself: only to end the guest's run once
    VECTOR_ERROR = 0xfe,  // this CPU's APIC found an error
    VECTOR_SPURIOUS = 0xff,
};
