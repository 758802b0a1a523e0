// SPDX-License-Identifier: MIT
// Brings other processors from a SIPI to C, each with a stack and a number of its own.
#pragma once

#include "vmm/util/types.h"

#define MAX_PROCESSORS 64
#define TRAMPOLINE_ADDRESS 0x8000ULL
#define TRAMPOLINE_PAGE ((uint32_t)(TRAMPOLINE_ADDRESS / PAGE_SIZE)) // the vector of a SIPI
#define PROCESSOR_STACK_BYTES (16 * KIB)                             // as in trampoline.asm

// The stacks, by the processor's number. Processor 0 is the one that calls trampoline_prepare; it
// runs on crt0.asm's stack.
extern uint8_t processor_stacks[MAX_PROCESSORS][PROCESSOR_STACK_BYTES];

// Each guest has a function of its own here, which the trampoline calls last. Interrupts are off.
// It must not return.
void processor_entry(uint64_t number);

// Copies the trampoline to its place, with this processor's tables and control registers. Also
// makes the interrupt descriptors usable for processors without a TSS.
void trampoline_prepare(void);

// Gives the next processor the number 1 again. To be called while none runs the trampoline.
void trampoline_number_anew(void);
