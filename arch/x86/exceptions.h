// SPDX-License-Identifier: MIT
// The CPU's exceptions: which can be survived, and the dump of one that cannot.
#pragma once

#include "arch/x86/idt.h"

// Returns if execution can go on.
void exception_handle(struct interrupt_frame *frame);

// The manual's mnemonic and name: "#PF page fault".
const char *exception_name(uint64_t vector);

// All registers of `frame` and the control registers, a line at a time.
void exception_dump(const struct interrupt_frame *frame, void (*line)(const char *text));
