// SPDX-License-Identifier: MIT
// Exceptions and interrupts: handlers, and calls that survive an exception.
#pragma once

#include "vmm/util/types.h"

// What traps.asm leaves on the stack.
struct trap_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
    uint64_t rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector;
    uint64_t error_code; // 0 if the CPU gives none
    uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(struct trap_frame) == 22 * sizeof(uint64_t), "order of the pushes");

typedef void trap_handler(struct trap_frame *frame);

// An exception that trap_catch caught.
struct trap {
    struct trap_frame frame;
    uint64_t cr2;
};

void traps_init(void);

// Without a handler (NULL), an exception of this vector is caught by trap_catch or ends the guest.
void trap_set_handler(unsigned vector, trap_handler *handler);

// Calls `function`. Returns true if an exception without a handler ended it; `trap` tells which
// one.
bool trap_catch(void (*function)(void *argument), void *argument, struct trap *trap);

// The mnemonic of an exception: "#GP"; "#?" for other vectors.
const char *trap_name(unsigned vector);

// The IDT's entry point of a vector, in traps.asm.
const void *trap_entry(unsigned vector);

// Called by traps.asm.
void trap_dispatch(struct trap_frame *frame);
