// SPDX-License-Identifier: MIT
// The instructions for host tests: interrupts stay as they are, and the test has the TSC.
#pragma once

#define rdtsc rdtsc_of_the_kernel
#define interrupts_enable interrupts_enable_of_the_kernel
#define interrupts_window interrupts_window_of_the_kernel
#define interrupts_save interrupts_save_of_the_kernel
#define interrupts_restore interrupts_restore_of_the_kernel
#include "../../../../../arch/x86/instructions.h"
#undef rdtsc
#undef interrupts_enable
#undef interrupts_window
#undef interrupts_save
#undef interrupts_restore

uint64_t rdtsc(void);

static inline void interrupts_enable(void)
{
}

static inline void interrupts_window(void)
{
}

static inline uint64_t interrupts_save(void)
{
    return 0;
}

static inline void interrupts_restore(uint64_t flags)
{
    (void)flags;
}
