// SPDX-License-Identifier: MIT
// Interrupts and exceptions on their way from vectors.asm to their handlers.
#pragma once

#include "vmm/util/types.h"

#define INTERRUPT_VECTORS 256
#define FIRST_INTERRUPT 32 // the vectors below are the CPU's own exceptions

// The registers that vectors.asm leaves on the stack, from the lowest address.
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
    uint64_t error_code; // 0 for exceptions without one
    uint64_t rip;
    uint64_t cs;
    uint64_t rflags;
    uint64_t rsp;
    uint64_t ss;
};

static_assert(sizeof(struct interrupt_frame) == 22 * sizeof(uint64_t), "pushed by vectors.asm");

// `handler` runs with interrupts off. It ends the interrupt at the local APIC itself. NULL: the
// vector is unexpected again. Unexpected interrupts are counted; unexpected exceptions go to
// exception_handle.
void interrupt_set_handler(uint8_t vector, void (*handler)(struct interrupt_frame *frame));
// `end` ends an unexpected interrupt at the local APIC, if the APIC has it in service.
void interrupt_set_unexpected(void (*end)(uint8_t vector));

// Handles an interrupt that the CPU has already acknowledged, as if it came now. In vectors.asm.
void interrupt_call(uint8_t vector);

// Whether an interrupt has come to this CPU since the last call. VECTOR_TIMER and VECTOR_NUDGE do
// not count: vectors.asm ends them by itself.
bool interrupts_disturbed(void);

// Called by vectors.asm.
void interrupt_dispatch(struct interrupt_frame *frame);
