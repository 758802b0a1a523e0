// SPDX-License-Identifier: MIT
// Instructions that may fault, and where execution goes on if they do.
#pragma once

#include "vmm/util/types.h"

struct interrupt_frame;

struct fixup {
    const char *at; // the instruction
    const char *continue_at;
};

// If `frame` stopped at an instruction that may fault, moves its RIP to the code that handles the
// fault.
bool fixup_apply(struct interrupt_frame *frame);
