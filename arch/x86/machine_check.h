// SPDX-License-Identifier: MIT
// Machine checks: errors that the hardware has found in itself (SDM Vol. 3B chapter 16).
#pragma once

#include "vmm/util/types.h"

struct interrupt_frame;

// On each CPU: lets every bank report, and clears old errors.
void machine_check_enable(void);

// Logs every bank that has an error. Returns if the interrupted code can go on, else panics.
void machine_check_handle(struct interrupt_frame *frame);

// The same for a machine check that came while a guest ran, and was an exit. Returns whether the
// guest can go on; if not, its VM must end. Panics only if the CPU itself cannot go on.
MUST_CHECK bool machine_check_in_guest(void);
