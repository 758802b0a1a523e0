// SPDX-License-Identifier: MIT
// Exceptions in words, for panics.
#pragma once

#include "vmm/util/types.h"

struct interrupt_frame;

// The manual's mnemonic and name: "#PF page fault".
const char *exception_name(uint64_t vector);

// The meaning of a page fault's error code (SDM Vol. 3A 4.7).
const char *page_fault_text(uint64_t error_code);

// All registers of `frame` and the control registers, a line at a time.
void exception_dump(const struct interrupt_frame *frame, void (*line)(const char *text));
