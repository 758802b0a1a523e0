// SPDX-License-Identifier: MIT
// Instructions with a memory operand.
#pragma once

#include "vmm/emulate/emulate.h"

struct emulator;

// Carries the instruction out. The results are those of emulate_memory.h.
enum emulate_result emulator_execute(struct emulator *emulator);
