// SPDX-License-Identifier: MIT
// The interrupt descriptor table, which all CPUs share (SDM Vol. 3A 6.10).
#pragma once

#include "vmm/util/types.h"

// Fills the table; once, before the first idt_load.
void idt_init(void);

// On each CPU. With the CPU's TSS loaded, NMI, #DF and #MC take stacks of their own.
void idt_load(void);
void idt_use_interrupt_stacks(void);

uint64_t idt_base(void);
