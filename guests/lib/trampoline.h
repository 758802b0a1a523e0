// SPDX-License-Identifier: MIT
// The way of other processors to C: from a SIPI, each with a stack and a number of its own.
#pragma once

#include "vmm/util/types.h"

#define MAX_PROCESSORS 8
#define TRAMPOLINE_ADDRESS 0x8000ULL
#define TRAMPOLINE_PAGE ((uint32_t)(TRAMPOLINE_ADDRESS / PAGE_SIZE)) // the vector of a SIPI
#define PROCESSOR_STACK_BYTES (16 * KIB)                             // as in trampoline.asm

// By a processor's number. Processor 0 is the one that prepares the way, on crt0.asm's stack.
extern uint8_t processor_stacks[MAX_PROCESSORS][PROCESSOR_STACK_BYTES];

// The guest's own: where the trampoline ends. Interrupts are off; it does not return.
void processor_entry(uint64_t number);

// Puts the trampoline to its place, with this processor's tables and control registers, and makes
// the interrupt descriptors fit for processors without a TSS.
void trampoline_prepare(void);

// The next processor is number 1 again. For when none runs the trampoline.
void trampoline_number_anew(void);
