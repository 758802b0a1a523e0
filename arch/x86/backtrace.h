// SPDX-License-Identifier: MIT
// Who called whom: the chain of frame pointers with the names of functions.
#pragma once

#include "vmm/util/types.h"

// Calls `line` for each caller, innermost first, from the frame that RBP `frame` points to. A
// pointer that leaves the stack on which `frame` lies ends it, so any value is safe.
void backtrace_from(uint64_t frame, void (*line)(const char *text));

// One address as backtraces show it: "0xffffffff80101234 kernel_main+0x34".
void backtrace_format(char *buffer, size_t size, uint64_t address);
