// SPDX-License-Identifier: MIT
// The CPU's exceptions: which of them Husk survives.
#pragma once

struct interrupt_frame;

// Returns if execution can go on.
void exception_handle(struct interrupt_frame *frame);
