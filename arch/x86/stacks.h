// SPDX-License-Identifier: MIT
// The addresses of stacks: slots (arch/x86/cpu.h) one behind the other in STACK_WINDOW. paging.c
// maps a stack into the upper half of its slot. The lower half is the guard.
#pragma once

#include "vmm/util/types.h"

// The lowest address of the next stack. When it is mapped, stacks_add adds it.
uint64_t stacks_next(void);
void stacks_add(void);

// Whether `address` lies in a stack or in its guard.
bool stacks_hold(uint64_t address);

// Whether `address` lies in the guard below a stack: the code that uses it has overflowed its
// stack.
bool stacks_is_guard(uint64_t address);
