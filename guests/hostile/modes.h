// SPDX-License-Identifier: MIT
// One write to a register in another mode of the processor.
#pragma once

#include "vmm/util/types.h"

#define MODES_NO_VECTOR 0xff

enum mode_register { REGISTER_CR0, REGISTER_CR4, REGISTER_EFER, REGISTER_MSW };

// modes.asm knows the order of the members. CR0.PE of `cr0` tells real mode from protected mode.
struct mode_trial {
    uint32_t which; // enum mode_register
    uint32_t value; // the value to write to it
    uint32_t cr0;   // this and the next: what the registers hold before
    uint32_t cr3;
    uint32_t cr4;
    uint32_t efer;
    uint32_t vector; // of the exception that came, or MODES_NO_VECTOR
    uint32_t cr0_after;
    uint32_t cr4_after;
    uint32_t efer_after;
};
static_assert(sizeof(struct mode_trial) == 40, "order in modes.asm");

// Copies the code that leaves 64-bit mode to an address that real mode reaches.
void modes_init(void);

// Makes the trial. Interrupts must be off. `cr3` is chosen to fit the mode, and maps low memory one
// to one.
void modes_try(struct mode_trial *trial);
