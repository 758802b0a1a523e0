// SPDX-License-Identifier: MIT
// The instructions for host tests: interrupts stay as they are.
#pragma once

#define interrupts_window interrupts_window_of_the_kernel
#include "../../../../../arch/x86/instructions.h"
#undef interrupts_window

static inline void interrupts_window(void)
{
}
