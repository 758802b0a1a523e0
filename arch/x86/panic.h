// SPDX-License-Identifier: MIT
// The end: every console tells of a bug of the host, and the machine stops.
#pragma once

#include "vmm/util/types.h"

struct interrupt_frame;

// Prints the message and a backtrace, stops the other CPUs, and halts.
_Noreturn void panic(const char *format, ...) PRINTF_LIKE(1, 2);

// The same for an exception, with all its registers and the backtrace of the interrupted code.
_Noreturn void panic_frame(const struct interrupt_frame *frame, const char *format, ...)
    PRINTF_LIKE(2, 3);

// Whether a CPU has panicked. An NMI then means "halt".
bool panic_in_progress(void);

// Sets the function that writes to every console, without locks or interrupts. Newlines are '\n'.
void panic_set_output(void (*output)(const char *text, size_t length));

// Sends an NMI to all other CPUs. NULL until there are any.
extern void (*panic_stop_others)(void);

// Tells what the guest on this CPU did last, line by line, behind the backtrace. NULL until there
// may be a guest.
extern void (*panic_tell_guest)(void (*line)(const char *text));
