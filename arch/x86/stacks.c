// SPDX-License-Identifier: MIT
// The addresses that are stacks.
#include "arch/x86/stacks.h"

#include "arch/x86/cpu.h"
#include "arch/x86/paging.h"

extern const char boot_stack_start[]; // linker.ld

static uint64_t slots_end = STACK_WINDOW;

uint64_t stacks_next(void)
{
    return slots_end + STACK_SLOT_BYTES - STACK_BYTES;
}

void stacks_add(void)
{
    slots_end += STACK_SLOT_BYTES;
}

bool stacks_hold(uint64_t address)
{
    return ALIGN_DOWN(address, STACK_SLOT_BYTES) ==
               ALIGN_DOWN((uintptr_t)boot_stack_start, STACK_SLOT_BYTES) ||
           (address >= STACK_WINDOW && address < slots_end);
}

bool stacks_is_guard(uint64_t address)
{
    return stacks_hold(address) && address % STACK_SLOT_BYTES < STACK_SLOT_BYTES - STACK_BYTES;
}
