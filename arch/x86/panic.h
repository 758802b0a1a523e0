// SPDX-License-Identifier: MIT
// The end: a bug of the host is told on every console, and the machine stops.
#pragma once

#include "vmm/util/types.h"

struct interrupt_frame;

// Says what is wrong and how it came there (a backtrace), stops the other CPUs, and halts.
_Noreturn void panic(const char *format, ...) PRINTF_LIKE(1, 2);

// The same for an exception: all its registers, and the backtrace of what it interrupted.
_Noreturn void panic_frame(const struct interrupt_frame *frame, const char *format, ...)
    PRINTF_LIKE(2, 3);

// Whether some CPU panicked: an NMI then means "halt".
bool panic_in_progress(void);

// Writes to every console without locks or interrupts; newlines are '\n'.
void panic_set_output(void (*output)(const char *text, size_t length));

// Sends an NMI to all CPUs but this one. NULL until there are others.
extern void (*panic_stop_others)(void);
