// SPDX-License-Identifier: MIT
// The interrupt descriptor table, shared by all CPUs, and who handles which vector.
#pragma once

#include "vmm/util/types.h"

// What vectors.asm leaves on the stack, from the lowest address.
struct interrupt_frame {
    uint64_t r15;
    uint64_t r14;
    uint64_t r13;
    uint64_t r12;
    uint64_t r11;
    uint64_t r10;
    uint64_t r9;
    uint64_t r8;
    uint64_t rdi;
    uint64_t rsi;
    uint64_t rbp;
    uint64_t rbx;
    uint64_t rdx;
    uint64_t rcx;
    uint64_t rax;
    uint64_t vector;
    uint64_t error_code; // 0 where the exception has none
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

static_assert(sizeof(struct interrupt_frame) == 22 * 8, "pushed by vectors.asm");

#define IDT_VECTORS 256
#define IDT_FIRST_INTERRUPT 32 // below are the CPU's own exceptions

// Fills the table; once, before the first idt_load.
void idt_init(void);

// On each CPU. With the CPU's TSS loaded the NMI, #DF and #MC take stacks of their own.
void idt_load(void);
void idt_use_interrupt_stacks(void);

// `handler` runs with interrupts off and must end the interrupt at the local APIC itself. NULL: the
// vector is unexpected again: counted from 32 on, a panic below.
void idt_set_handler(uint8_t vector, void (*handler)(struct interrupt_frame *frame));

uint64_t idt_base(void);

// Takes an interrupt that the CPU has acknowledged already, as if it came now. In vectors.asm.
void interrupt_call(uint8_t vector);

// Called by vectors.asm.
void interrupt_dispatch(struct interrupt_frame *frame);
