// SPDX-License-Identifier: MIT
// The CPU's exceptions: which of them Husk survives.
#pragma once

#include "arch/x86/interrupts.h"

// Returns if execution can go on.
void exception_handle(struct interrupt_frame *frame);
