// SPDX-License-Identifier: MIT
// The chain of callers: frame pointers, with the names of functions.
#pragma once

#include "vmm/util/types.h"

// Calls `line` for each caller, innermost first, from the frame that RBP `frame` points to. It
// stops at a pointer that leaves the stack of `frame`, so any value is safe.
void backtrace_from(uint64_t frame, void (*line)(const char *text));

// One address, as backtraces show it: "0xffffffff80101234 kernel_main+0x34".
void backtrace_format(char *buffer, size_t size, uint64_t address);
